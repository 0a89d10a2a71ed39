"""Code that the operator, the trainer, the server, Studio and the command share. It imports none of them."""
