"""Shared code of a server and the init container that converts its model. Needs the extras `numpy` and `s3`."""
