"""Code that the operator, the trainer and the server share. It imports none of them."""
