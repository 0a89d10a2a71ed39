"""Tasks that need several requests, such as watching objects. Commands and notebooks share them."""
