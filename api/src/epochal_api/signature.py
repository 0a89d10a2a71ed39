"""The inputs and outputs of a trained model: signature.json, next to the models that it describes."""

import hashlib
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from epochal_api.expected_value import describe_pattern
from epochal_api.model import TolerantModel
from epochal_api.text import PRINTABLE_PATTERN

SIGNATURE = "signature.json"
CHECK = "check.npz"
"""File of samples and of each model's outputs for them. Arrays: `input:NAME`, and `best:NAME` or `last:NAME`."""

MAX_CHECK_BYTES = 4 * 2**20
"""Maximum uncompressed bytes of the arrays in CHECK: samples and outputs. Further samples are left out."""

MAX_CLASSES = 4096
"""Maximum number of named classes."""

SHA256_PATTERN = r"^[0-9a-f]{64}$"
SHA256_EXPECTED = "must be the SHA-256 of the file: 64 digits 0-9 and a-f"
describe_pattern(SHA256_PATTERN, SHA256_EXPECTED)
Sha256 = Annotated[str, StringConstraints(pattern=SHA256_PATTERN)]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
ClassName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE_PATTERN)]
ModelChoice = Literal["Best", "Last"]
"""Which model of a training: the model of its best epoch, or of its last epoch."""


class TensorSpec(TolerantModel):
    """An input or output tensor of a model."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """Name for requests: the name of the Keras input or output layer."""
    shape: list[int]
    """Shape without the batch axis, which is the first axis; -1 for an axis of any length."""
    dtype: Annotated[str, StringConstraints(max_length=16)]
    """Data type, as named by numpy, such as float32; str for text."""
    probabilities: Annotated[bool, Field(exclude_if=lambda probabilities: not probabilities)] = False
    """Whether the output contains class probabilities. Unset if the signature has a single output: then only the
    signature's own field is set. Servers of earlier versions read only that field, for the first output."""
    classes: Annotated[list[str] | None, Field(exclude_if=lambda classes: classes is None)] = None
    """Names of the classes of the output in the order of its last axis. Unset for a single output, as above."""


class ChannelRange(TolerantModel):
    """Black and white values of a channel."""

    lowest: float
    """Value for black."""
    highest: float
    """Value for white."""


class ImageSpec(TolerantModel):
    """Size, channels and range of values of the images on which the model was trained."""

    height: Annotated[int, Field(ge=1)]
    """Height in pixels."""
    width: Annotated[int, Field(ge=1)]
    """Width in pixels."""
    channels: Literal[1, 3]
    """1 for grayscale, 3 for red, green and blue."""
    lowest: float
    """Value for black."""
    highest: float
    """Value for white, such as 255 or 1: the maximum of the training features."""
    ranges: Annotated[list[ChannelRange] | None, Field(exclude_if=lambda ranges: ranges is None)] = None
    """Black and white values of each channel if channels differ, as after standardization. Servers before this field
    use `lowest` and `highest` for all channels."""

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        if self.ranges is not None and len(self.ranges) != self.channels:
            raise ValueError(
                f"ranges: found {len(self.ranges)}, expected {self.channels}, a range for each channel: "
                "train the model again, or correct the file"
            )
        return self

    @property
    def channel_ranges(self) -> list[ChannelRange]:
        """Black and white values of each channel."""
        return self.ranges or [ChannelRange(lowest=self.lowest, highest=self.highest)] * self.channels


class ExportedFile(TolerantModel):
    """A file with a model."""

    name: FileName
    """File name, next to the signature."""
    sha256: Sha256
    """SHA-256 of the file, in hex."""
    difference: float | None = None
    """Largest absolute difference between the outputs of this file and of Keras for the samples of CHECK; None for the
    Keras file."""


class ModelFiles(TolerantModel):
    """The files of a model."""

    model: ModelChoice
    """Best or Last epoch. If the last epoch is also the best, the signature lists only Last."""
    keras: ExportedFile
    """The Keras file."""
    onnx: ExportedFile | None = None
    """The ONNX file, unless the model cannot be exported to ONNX."""


class Signature(TolerantModel):
    """The inputs and outputs of a trained model."""

    version: Literal[1] = 1
    """Version of this format."""
    inputs: Annotated[list[TensorSpec], Field(min_length=1)]
    """Inputs of the model."""
    outputs: Annotated[list[TensorSpec], Field(min_length=1)]
    """Outputs of the model."""
    classes: list[str] | None = None
    """Names of the classes in the order of the last axis of the first output, if the labels of the training data have
    names."""
    features: list[str] | None = None
    """Names of the features in the order of the last axis of the first input, if the training data have names for the
    columns of a table."""
    probabilities: bool = False
    """Whether the first output contains class probabilities: it ends with softmax, or with sigmoid of one unit."""
    image: ImageSpec | None = None
    """Size, channels and range of values of images, if the model's input is an image."""
    models: Annotated[list[ModelFiles], Field(min_length=1)]
    """The models that the signature describes."""
    check: ExportedFile | None = None
    """The file CHECK: samples of the training data and the models' outputs for them."""
    tolerance: float = 1e-4
    """Maximum difference between an output for a check sample and the stored output, relative to the largest absolute
    value of the output, or to 1 if that is greater."""

    @property
    def output_classes(self) -> dict[str, list[str]]:
        """Class names by the name of the output. Outputs without class names are omitted."""
        named = {output.name: output.classes for output in self.outputs if output.classes}
        return ({self.outputs[0].name: self.classes} if self.classes else {}) | named

    def digest(self) -> str:
        """Return a SHA-256 of the format of requests and responses. It does not depend on the model files."""
        text = self.model_dump_json(include={"inputs", "outputs", "classes", "probabilities", "image"})
        return hashlib.sha256(text.encode()).hexdigest()
