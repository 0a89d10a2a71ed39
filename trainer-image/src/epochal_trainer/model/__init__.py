"""The network of a TrainingJob: built, adapted to the data, and compiled."""
