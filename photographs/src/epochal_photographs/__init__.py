"""Makes of a photograph what a network takes: resized, or a digit as MNIST has them."""
