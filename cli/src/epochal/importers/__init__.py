"""Importers: they convert files of other tools to manifests of Epochal, with a module for each format."""

from epochal.importers.formats import import_file
from epochal.importers.imported import Imported, Weights

__all__ = ["Imported", "Weights", "import_file"]
