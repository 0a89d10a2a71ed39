"""The request to the export process, and the file with its outcome."""

from pathlib import Path

from epochal_api.model import Model
from epochal_api.signature import ImageSpec, ModelChoice
from epochal_api.storage import ExportFormat
from pydantic import Field

OUTCOME = "outcome.json"
"""File with the outcome, an epochal_api.trainingjob.report.Export as JSON. The export process writes it last."""
EXPORTED = "Exported"
NOT_EXPORTABLE = "NotExportable"
DIFFERS = "ExportDiffers"
FAILED = "ExportFailed"
"""With EXPORTED, NOT_EXPORTABLE and DIFFERS, the four reasons that an export reports (`Export.reason`)."""
NOT_LOADED = "NotLoaded"
"""Reason of the export process' outcome if Keras cannot load the file of a model. A training reports it as FAILED."""
SUFFIXES: dict[ExportFormat, str] = {"onnx": ".onnx", "savedmodel": ".savedmodel.zip"}


class Source(Model):
    """A stored model to export."""

    which: ModelChoice
    """The model's kind: Best or Last."""
    path: Path
    """A local copy of the model's file, with the same name as in the bucket."""


class Request(Model):
    """The models, formats and samples of an export."""

    models: list[Source]
    """The models, all of the same network."""
    formats: list[ExportFormat]
    """The formats to export each model in."""
    samples: Path | None
    """An .npz file of samples from samples.write, to compare Keras' outputs with exports; None to generate samples."""
    image: ImageSpec | None
    """Size, channels and range of the images that the models expect; None if their features are not images."""
    classes: dict[str, list[str]] = Field(default_factory=dict)
    """Names of the classes, by the name of the output. An output whose classes have no names is missing."""
    features: list[str] | None = None
    """Names of the columns of the first input, if it is a table whose columns have names; else None."""
    code: Path | None = None
    """The user's Python file (spec.code), which registers custom layers of the models; None without such a file."""
    folder: Path
    """Folder for the exported files, SIGNATURE, CHECK and OUTCOME."""
