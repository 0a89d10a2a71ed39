"""Fixtures of the tests of conversion: Studio with an API server and an S3 service in memory."""

from tests.unit.studio.in_memory import studio

__all__ = ["studio"]
