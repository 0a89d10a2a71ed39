"""The request to the export process, and the file with its outcome."""

from pathlib import Path

from epochal_api.model import Model
from epochal_api.signature import ImageSpec, ModelChoice
from epochal_api.storage import ExportFormat
from pydantic import Field

OUTCOME = "outcome.json"
"""The outcome: an epochal_api.trainingjob.report.Export. It is written last."""
EXPORTED = "Exported"
NOT_EXPORTABLE = "NotExportable"
DIFFERS = "ExportDiffers"
FAILED = "ExportFailed"
"""The four reasons (`Export.reason`) of the outcome of an export."""
NOT_LOADED = "NotLoaded"
"""The reason of an outcome if Keras cannot load the file of a model."""
SUFFIXES: dict[ExportFormat, str] = {"onnx": ".onnx", "savedmodel": ".savedmodel.zip"}


class Source(Model):
    """A stored model to export."""

    which: ModelChoice
    """The model's kind: Best or Last."""
    path: Path
    """A copy of its file, under the same name as in the bucket."""


class Request(Model):
    """The models, formats and samples of an export."""

    models: list[Source]
    """The models, all of the same network."""
    formats: list[ExportFormat]
    """The formats to export each model in."""
    samples: Path | None
    """An .npz of samples from samples.write, to compare outputs; None to generate samples."""
    image: ImageSpec | None
    """The required form of photographs, if the features are images."""
    classes: dict[str, list[str]] = Field(default_factory=dict)
    """Names of the classes by output, of each output whose classes have names."""
    features: list[str] | None = None
    """Names of the features of the first input, if they are the columns of a table with names."""
    code: Path | None = None
    """A file of code that registers layers of the models."""
    folder: Path
    """Folder for the exported files, SIGNATURE, CHECK and OUTCOME."""
