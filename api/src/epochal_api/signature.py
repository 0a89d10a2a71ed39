"""What a trained model takes and gives: signature.json, which stands beside the models that it tells of."""

import hashlib
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from epochal_api.model import Model
from epochal_api.text import PRINTABLE_PATTERN

SIGNATURE = "signature.json"
CHECK = "check.npz"
"""Samples, and what each model answers to them: `input:NAME`, and `best:NAME` or `last:NAME` of each output."""

MAX_CHECK_BYTES = 4 * 2**20
"""Most that the samples of a check hold, their answers included."""

MAX_CLASSES = 4096
"""Most classes that have names."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
ClassName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE_PATTERN)]
Which = Literal["Best", "Last"]
"""Which model of a training: of its best epoch, or of its last."""


class SignatureModel(Model):
    """A part of a signature. What a newer trainer adds is passed over: models outlive trainers."""

    model_config = ConfigDict(extra="ignore")


class TensorSpec(SignatureModel):
    """A tensor that a model takes or gives."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """Its name, for requests: that of the Keras input or output layer."""
    shape: list[int]
    """Its shape without the batch, which is the first axis; -1 for an axis of any length."""
    dtype: Annotated[str, StringConstraints(max_length=16)]
    """Its type, as numpy calls it, such as float32; str for text."""


class ChannelRange(SignatureModel):
    """Black and white of one channel."""

    lowest: float
    """Value for black."""
    highest: float
    """Value for white."""


class ImageSpec(SignatureModel):
    """How photographs have to look to be like the images that the model was trained on."""

    height: Annotated[int, Field(ge=1)]
    """Height in pixels."""
    width: Annotated[int, Field(ge=1)]
    """Width in pixels."""
    channels: Literal[1, 3]
    """1 for grayscale, 3 for red, green and blue."""
    lowest: float
    """What stands for black."""
    highest: float
    """What stands for white, such as 255 or 1: the greatest that the features of the training data may have."""
    ranges: Annotated[list[ChannelRange] | None, Field(exclude_if=lambda ranges: ranges is None)] = None
    """Black and white of each channel where channels differ, as after standardization. Servers of before this field
    take `lowest` and `highest` for all channels."""

    @model_validator(mode="after")
    def _one_for_each_channel(self) -> Self:
        if self.ranges is not None and len(self.ranges) != self.channels:
            raise ValueError(
                f"ranges: found {len(self.ranges)}, expected {self.channels}, a range for each channel: "
                "train the model again, or correct the file"
            )
        return self

    @property
    def channel_ranges(self) -> list[ChannelRange]:
        """Black and white of each channel."""
        return self.ranges or [ChannelRange(lowest=self.lowest, highest=self.highest)] * self.channels


class ExportedFile(SignatureModel):
    """A file that holds a model."""

    name: FileName
    """Its name, beside the signature."""
    sha256: Sha256
    """Its SHA-256, in hex."""
    difference: float | None = None
    """The largest absolute difference of its answers to the samples of the check from those of Keras; None for Keras'
    own file."""


class ModelFiles(SignatureModel):
    """The files of one model."""

    model: Which
    """Which model. A training whose best epoch is its last has Last alone, which then is the best, too."""
    keras: ExportedFile
    """Keras' own file."""
    onnx: ExportedFile | None = None
    """As ONNX, unless it cannot be told in it."""


class Signature(SignatureModel):
    """What a trained model takes and gives."""

    version: Literal[1] = 1
    """Version of this format."""
    inputs: Annotated[list[TensorSpec], Field(min_length=1)]
    """What it takes."""
    outputs: Annotated[list[TensorSpec], Field(min_length=1)]
    """What it gives."""
    classes: list[str] | None = None
    """Names of the classes in the order of the last axis of the first output, if the labels of the training data have
    names."""
    probabilities: bool = False
    """Whether the first output gives each class its probability: softmax, or sigmoid of one unit, at its end."""
    image: ImageSpec | None = None
    """How photographs have to look, if what it takes are images."""
    models: Annotated[list[ModelFiles], Field(min_length=1)]
    """The models that it tells of."""
    check: ExportedFile | None = None
    """Samples of the training's own data and the models' answers to them: CHECK."""
    tolerance: float = 1e-4
    """Most that an answer to a sample of the check may differ from the one that is stored, relative to the greatest
    absolute value of the answer, or to 1 if that is greater."""

    def digest(self) -> str:
        """Returns a digest of what it says of requests and answers, whichever files it tells of."""
        said = self.model_dump_json(include={"inputs", "outputs", "classes", "probabilities", "image"})
        return hashlib.sha256(said.encode()).hexdigest()
