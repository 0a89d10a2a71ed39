"""The Job of a TrainingJob: how it is built, observed and replaced."""
