"""Trains the Keras network that a TrainingJob describes."""
