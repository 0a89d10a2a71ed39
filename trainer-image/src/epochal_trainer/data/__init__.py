"""Data sets: read from a bucket in several formats, and checked before the training."""
