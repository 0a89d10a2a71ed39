"""Code that a model server and the init container that converts its model share. Needs the extras `numpy` and `s3`."""
