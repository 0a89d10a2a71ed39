"""The fixture of the tests of `epochal doctor`."""

from tests.unit.cli.doctor.known_cluster import cluster

__all__ = ["cluster"]
