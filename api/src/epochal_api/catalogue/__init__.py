"""The catalogue of Keras classes and their arguments, and the check of a document by it. Neither imports Keras."""
