"""The results of runs in their buckets, with the keys that the user may read."""
