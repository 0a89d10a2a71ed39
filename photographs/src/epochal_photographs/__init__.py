"""Converts a photograph to an image of a network's input size: the resized photograph, or a digit as in MNIST."""
