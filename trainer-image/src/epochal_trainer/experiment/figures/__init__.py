"""The figures of an Experiment, as PNG files."""
