"""A trainer with a clock that can be set: `python tests/cluster images faketime` builds its image."""

IMAGE = "localhost/epochal-trainer:faketime"
FILE = "tmp/faketime"
"""File in the container with the offset of the clock in seconds."""
