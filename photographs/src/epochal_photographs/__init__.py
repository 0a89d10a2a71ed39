"""Converts a photograph to the input of a network: resized, or as a digit in the form of MNIST."""
