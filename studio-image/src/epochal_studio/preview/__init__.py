"""Previews of data files in buckets: shapes, classes and first samples. Files are read in part, and never unpickled."""
