"""Networks that a TrainingJob does not describe as layers: a saved model, and a file of Python code."""

from typing import Annotated

from pydantic import Field, StringConstraints

from epochal_api.model import Model, matching
from epochal_api.storage import Key
from epochal_api.trainingjob.network import ClassName

MODEL_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f\x7f]+\.keras$"
LayerPattern = Annotated[str, StringConstraints(min_length=1, max_length=128)]
MAX_CODE_BYTES = 1024**2
"""Maximum bytes of a file of code. The trainer refuses a larger file."""


class SavedModel(Model):
    """A model of Keras in a file, whose training continues."""

    uri: Annotated[str, matching(MODEL_PATTERN, "must be s3://BUCKET/KEY, a .keras file", max_length=1024)]
    """A .keras file, such as s3://models/base/model.keras, on this job's storage.endpoint. The credentials must be
    allowed to read it. A model that contains code is refused."""
    freeze: Annotated[list[LayerPattern], Field(min_length=1, max_length=64)] | None = None
    """Names of the layers whose weights stay unchanged (trainable: false), in which * is any text, such as conv*.
    Default: none."""


class NetworkCode(Model):
    """A file of Python code that builds the network."""

    object: Key
    """Python file of at most 1 MiB in the data bucket, below data.prefix. It can reach everything that the pod of the
    training can reach."""
    entrypoint: ClassName = "build_model"
    """Function that gets this spec as plain values, and returns a Keras model: for an exact resume, the same each time.
    Default: build_model."""
