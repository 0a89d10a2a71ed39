"""How a network is trained, how far it may be thrown back, and what it goes on from."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from epochal_api.model import LATER, PRESERVE, Model, ObjectName, Rule, cel
from epochal_api.network import Callback, Named, NameOrObject
from epochal_api.status import Mode
from epochal_api.text import PRINTABLE_PATTERN

URI_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f\x7f]+$"


class Checkpoint(Model):
    """When the state of the training is stored, to go on from there after whatever may happen."""

    every_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Epochs between checkpoints. Default: 1."""
    every_seconds: Annotated[int, Field(ge=1, le=7 * 24 * 3600)] | None = None
    """Seconds between checkpoints within an epoch. Default: none but at an epoch's end, and when told to stop."""
    keep: Annotated[int, Field(ge=1, le=100)] = 2
    """How many checkpoints to keep: the last ones. Default: 2."""


_ONE_SOURCE = Rule("has(self.name) != has(self.uri)", "name either name or uri")


class ContinueFrom(Model):
    """The training to go on from: its last checkpoint is what this one begins with."""

    model_config = ConfigDict(json_schema_extra=cel([_ONE_SOURCE]))

    name: ObjectName | None = None
    """Name of another TrainingJob of this namespace. This one waits until that one is Complete or Failed."""
    uri: (
        Annotated[
            str,
            StringConstraints(max_length=1024, pattern=URI_PATTERN),
            Field(
                json_schema_extra=cel(
                    [Rule(f"self.matches(r'{URI_PATTERN}')", "must be s3://BUCKET/FOLDER, a folder of results")],
                    pattern=None,
                )
            ),
        ]
        | None
    ) = None
    """Folder of another TrainingJob's results, as its status.results.uri says, such as s3://results/vision/mnist/UID/.
    It must lie at this job's storage.endpoint, and its credentials must be allowed to read it."""
    from_: Annotated[Literal["Last", "Best"], Field(alias="from"), LATER] = "Last"
    """Which weights to go on from. Last: those of its last epoch, with the state of the optimizer and of the callbacks,
    as if it had gone on; but an EarlyStopping that has ended it waits for its whole patience anew. Best: those of its
    best epoch, from its results; epochs count from that one, and optimizer and callbacks begin anew, since their state
    belongs to other weights. Where its last epoch is its best, or as good, Best is Last. Default: Last."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.uri is None):
            raise ValueError(_ONE_SOURCE.message)
        return self


class Monitor(Model):
    """The figure that tells which epoch is the best."""

    metric: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE_PATTERN)]
    """Name of a figure, as in status.metrics: such as val_loss, or val_accuracy where accuracy is a metric."""
    mode: Mode | None = None
    """Whether the lowest is the best (Min), or the highest (Max). Default: what Keras says of the metric."""


BALANCED = "Balanced"
MAX_CLASSES = 10_000
"""Classes that weights can be given to."""
MAX_WEIGHT = 1e9
"""The largest weight of a class or of a sample: sums of the largest are still numbers in float32."""
_CLASS = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_WEIGHT = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,2})?", re.ASCII | re.IGNORECASE)
_MAX_DIGITS = 32
_SHOWN = 40


def _class_weights(value: Any) -> Any:
    """Returns weights of classes with classes and weights as text, however YAML or JSON wrote the numbers."""
    if value is None or value == BALANCED:
        return value
    if not isinstance(value, Mapping) or not 1 <= len(value) <= MAX_CLASSES:
        raise ValueError(f"must be {BALANCED}, or a map of 1 to {MAX_CLASSES:,} class indices to weights")
    weights = {str(number): str(weight) for number, weight in value.items()}
    for number, weight in weights.items():
        if not _CLASS.fullmatch(number):
            raise ValueError(f"must name classes by their indices, 0, 1, …, found {number!r:.{_SHOWN}}")
        if len(weight) > _MAX_DIGITS or not _WEIGHT.fullmatch(weight) or float(weight) > MAX_WEIGHT:
            must = f"a number from 0 to {MAX_WEIGHT:,.0f}, as an integer or as text"
            raise ValueError(f"the weight of class {number} must be {must}, found {weight!r:.{_SHOWN}}")
    return weights


ClassWeight = Annotated[
    Literal["Balanced"] | dict[str, str], BeforeValidator(_class_weights), WithJsonSchema({PRESERVE: True})
]
"""Balanced, or a map. A schema of the API server has no type for either-or."""


_STOPS_WITHIN = Rule(
    "!has(self.stopAfterEpoch) || self.stopAfterEpoch <= self.epochs", "stopAfterEpoch must be one of epochs"
)


class Training(Model):
    """How the network is trained."""

    model_config = ConfigDict(json_schema_extra=cel([_STOPS_WITHIN]))

    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How many times to go through the training set. Default: 1."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    """Samples per step. Default: 32."""
    optimizer: NameOrObject = Named(name="RMSprop")
    """Optimizer: a class of keras.optimizers and its arguments, such as {name: Adam, learning_rate: 0.001}. Default:
    RMSprop, with Keras' own arguments."""
    loss: NameOrObject
    """Loss: a class of keras.losses and its arguments, or a name such as SparseCategoricalCrossentropy."""
    metrics: Annotated[list[NameOrObject], Field(max_length=32)] = []
    """Metrics to report beside the loss: names such as accuracy, or classes of keras.metrics with arguments."""
    class_weight: ClassWeight | None = None
    """What a sample of each class counts in the loss of training, as Keras' class_weight: a map of class indices to
    weights, such as {"0": 1, "7": "2.5"}, in which a class that is not named counts 1; or Balanced, by which all
    classes count the same: SAMPLES / (CLASSES * SAMPLES OF THE CLASS). It multiplies the weights of samples that an npz
    holds as sample_weight. Validation and test do not use it. Default: all samples count 1."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Seed of the weights, of the order of samples, of a validation part that is drawn, and of every random layer: same
    seed, same image, same result. Default: 0."""
    precision: Annotated[Literal["float32", "mixed_bfloat16", "mixed_float16"], LATER] = "float32"
    """Types to compute with, Keras' dtype policy; weights stay float32. Default: float32. mixed_bfloat16 and
    mixed_float16 are faster on GPUs that have them; with mixed_float16 the loss is scaled, as Keras' LossScaleOptimizer
    does it. The last layer computes in float32, unless it has a dtype of its own."""
    callbacks: Annotated[list[Callback], Field(max_length=32)] = []
    """Callbacks of keras.callbacks that need no code, such as {callback: EarlyStopping, monitor: val_loss}."""
    monitor: Monitor | None = None
    """What tells the best epoch, in the status, the series, the log, the curves and for best.keras. Default: what
    EarlyStopping monitors, else ReduceLROnPlateau, else a ModelCheckpoint with save_best_only, else val_loss, else
    loss. These callbacks go by their own monitor all the same."""
    terminate_on_nan: Annotated[bool, Field(alias="terminateOnNaN")] = True
    """Whether a loss that is no finite number ends the job, with the reason NonFiniteLoss. Default: true."""
    stall_seconds: Annotated[int, Field(ge=1, le=7 * 24 * 3600)] = 600
    """Seconds without a step after which the trainer counts as hanging and is started again. Default: 600."""
    checkpoint: Checkpoint = Checkpoint()
    """When the state of the training is stored."""
    stop_after_epoch: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Epoch to stop after, of epochs in all: checkpoint and models are stored, and the job is Complete with the reason
    StoppedAfterEpoch. Learning rates and callbacks see epochs in full, so one that names its results in continueFrom,
    and is the same otherwise, goes on as if the training had never stopped. Default: none."""
    continue_from: ContinueFrom | None = None
    """Another training to go on from. Its epochs count: with epochs: 30, one of 20 epochs is trained for 10 more.
    Layers may be frozen or set free (trainable): the optimizer keeps its state of what is trained in both."""

    @model_validator(mode="after")
    def _stops_within(self) -> Self:
        if self.stop_after_epoch is not None and self.stop_after_epoch > self.epochs:
            raise ValueError(f"{_STOPS_WITHIN.message}, found {self.stop_after_epoch} of {self.epochs}")
        return self
