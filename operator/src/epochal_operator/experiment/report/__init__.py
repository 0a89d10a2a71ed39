"""The report of an Experiment: when it is written, its content, and the Job that writes it."""
