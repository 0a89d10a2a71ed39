"""Trains the Keras network of a TrainingJob."""
