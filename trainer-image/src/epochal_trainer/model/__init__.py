"""The network: built, adapted to data and compiled as a TrainingJob describes it."""
