"""Requests and answers about documents: import, export and save."""

from typing import Annotated, Any

from epochal.exporters import TargetName
from epochal_api.model import Model
from pydantic import Field

from epochal_studio.wire.common import Name, RunKey
from epochal_studio.wire.networks import MAX_YAML

MAX_IMPORT = 64 * 2**20
"""Maximum bytes of a file to import. A larger file is refused. The file is stored on the disk, for which the chart
reserves enough space."""


class Imported(Model):
    """A TrainingJob or Experiment that is imported from a file."""

    yaml: str
    """The TrainingJob or Experiment with comments; the unchanged text if the file is a TrainingJob or an Experiment."""
    warnings: list[str]
    """Details of the file that the import does not keep, one in each item."""
    placeholders: list[str]
    """Paths of the fields with placeholder values, because the file does not define them."""
    has_weights: bool
    """Whether the file has weights, which are not imported."""


class ExportRequest(Model):
    """A request to convert a TrainingJob to code that runs without Epochal."""

    yaml: Annotated[str, Field(max_length=MAX_YAML)]
    target: TargetName
    simple: bool = False
    """For keras and notebook: whether Keras shuffles the samples in the code, instead of Epochal's exact order."""


class ExportedFile(Model):
    """A file of code."""

    name: str
    text: str


class Exported(Model):
    """A network as the code of another tool."""

    files: list[ExportedFile]


class SeenMetadata(Model):
    """The labels and annotations of an object that the user has seen, without the annotation of `kubectl apply`."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class SaveRequest(Model):
    """A request to create or change a TrainingJob or Experiment."""

    namespace: Name
    """Namespace to save in. metadata.namespace of the document must be the same, or absent."""
    yaml: Annotated[str, Field(max_length=MAX_YAML)]
    resource_version: str | None = None
    """metadata.resourceVersion of the object that the user has edited; None creates a new object."""
    generation: int | None = None
    """metadata.generation of the object that the user has edited. A newer version with the same generation and uid is
    no conflict, because only its status or metadata has changed."""
    uid: Name | None = None
    """metadata.uid of the object that the user has edited. Another object with the same name is a conflict."""
    metadata: SeenMetadata | None = None
    """Labels and annotations of the object that the user has edited. If another user has changed one of them, this is a
    conflict. If absent, each label with different values in the document and in a newer object is a conflict."""
    dry_run: bool = False
    """Whether the API server only validates the document by schema, policies and quota, and stores nothing."""


class AddedField(Model):
    """A field that the cluster has added to the spec of a saved document."""

    path: list[str | int]
    """Path of the field in the object: keys of mappings, and indexes of list items."""
    value: Any


class Saved(Model):
    """An object as the API server has stored it, or would store it."""

    key: RunKey
    resource_version: str | None
    """None after a dry run that would create an object."""
    generation: int = 0
    """The generation, for the next SaveRequest."""
    uid: str = ""
    """The UID, for the next SaveRequest; empty after a dry run that would create an object."""
    yaml: str
    """The object as YAML for `kubectl apply`, with the defaults of the API server."""
    added: list[AddedField] = []
    """Fields that the cluster has added to the spec, except those defaults. The page adds them to its document, because
    otherwise the next save would remove them."""
    warnings: list[str]
    """Warnings of the API server and its policies."""
