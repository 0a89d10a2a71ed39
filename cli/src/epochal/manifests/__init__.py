"""Files with objects of Epochal: they are read into typed objects, and written as a person writes YAML."""

from epochal.manifests.reader import Manifest, check, read, read_one
from epochal.manifests.writer import write

__all__ = ["Manifest", "check", "read", "read_one", "write"]
