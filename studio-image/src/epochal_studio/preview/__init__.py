"""Previews of data files in buckets: shapes, classes and first samples, read in part. Nothing is ever unpickled."""
