"""What a process that exports is asked for, and where it leaves what it makes."""

from pathlib import Path

from epochal_api.model import Model
from epochal_api.signature import ImageSpec, Which
from epochal_api.storage import ExportFormat

OUTCOME = "outcome.json"
"""What became of it: an epochal_api.report.Export. It is written last."""
EXPORTED = "Exported"
NOT_EXPORTABLE = "NotExportable"
DIFFERS = "ExportDiffers"
FAILED = "ExportFailed"
"""Reasons of it."""
NOT_LOADED = "NotLoaded"
"""Another one: Keras cannot load the file of a model."""
SUFFIXES: dict[ExportFormat, str] = {"onnx": ".onnx", "savedmodel": ".savedmodel.zip"}


class Source(Model):
    """A model that is stored."""

    which: Which
    """Which one it is."""
    path: Path
    """A copy of its file, named as it is stored."""


class Request(Model):
    """What to export."""

    models: list[Source]
    """The models, all of one network."""
    formats: list[ExportFormat]
    """The forms to make of each."""
    samples: Path | None
    """An .npz of samples to compare answers by, as samples.write leaves it; None to make some up."""
    image: ImageSpec | None
    """How photographs have to look, if the features are images."""
    classes: list[str] | None = None
    """Names of the classes, if they have any."""
    folder: Path
    """Where to leave the files, SIGNATURE and CHECK among them, and OUTCOME."""
