"""Reads manifests into typed objects of Epochal, and writes objects as YAML in the style of a hand-written file."""

from epochal.manifests.reader import Manifest, check, read, read_one
from epochal.manifests.writer import write

__all__ = ["Manifest", "check", "read", "read_one", "write"]
