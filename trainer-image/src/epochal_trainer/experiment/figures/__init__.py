"""The pictures of an Experiment."""
