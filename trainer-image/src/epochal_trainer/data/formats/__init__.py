"""The formats of data files (idx, npz, pickle), with one module per format."""
