"""The search space of an Experiment: its parameters, their values, and the fields that they set."""
