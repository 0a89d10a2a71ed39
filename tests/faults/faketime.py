"""A trainer's image in which the clock of the one process can be set: the trainer's own, with libfaketime."""

IMAGE = "localhost/epochal-trainer-faketime:dev"
FILE = "faketime"
"""File in /tmp that says by how many seconds the clock is off."""
