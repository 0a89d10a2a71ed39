"""Builds a first TrainingJob from files with data, or from answers of the user."""
