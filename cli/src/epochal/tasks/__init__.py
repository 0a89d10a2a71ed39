"""Tasks of several requests, which commands and notebooks share."""
