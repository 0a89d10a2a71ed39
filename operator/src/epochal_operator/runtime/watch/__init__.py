"""The watches of kopf, and the operator's own lists: before each watch, and periodically."""
