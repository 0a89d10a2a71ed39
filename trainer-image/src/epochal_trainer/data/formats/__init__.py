"""The formats of data files, with one module per format."""
