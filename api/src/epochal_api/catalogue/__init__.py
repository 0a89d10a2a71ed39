"""The classes of Keras with their arguments, and the check of a document against them, both without Keras."""
