"""The data of new runs: buckets, their folders, uploads and previews, with the keys that the user may read."""
