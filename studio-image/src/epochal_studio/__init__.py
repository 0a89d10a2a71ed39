"""Studio: the web pages of Epochal, and their back end."""
