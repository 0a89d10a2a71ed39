"""The formats of data files, one a module."""
