"""The stream of changes to browsers, from watches that the browsers of a token share."""
