"""What an Experiment has found, in its bucket."""
