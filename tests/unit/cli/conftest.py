"""Fixtures of the tests of the command."""

from tests.unit.cli.api_server import cluster
from tests.unit.cli.stored_results import stored

__all__ = ["cluster", "stored"]
