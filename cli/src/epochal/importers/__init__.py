"""Readers of files of other tools, a module for each format. Each returns a manifest of Epochal."""

from epochal.importers.formats import import_file
from epochal.importers.imported import Imported, Weights

__all__ = ["Imported", "Weights", "import_file"]
