"""Training settings, checkpoints, and the training to continue from."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from epochal_api.model import (
    PRESERVE,
    UNSTORED_DEFAULT,
    Model,
    ObjectName,
    Rule,
    cel,
    exactly_one,
    is_one_set,
    list_map,
    matching,
)
from epochal_api.quoted import TEXT_IN_QUOTES, matching_in_quotes
from epochal_api.text import PRINTABLE_PATTERN
from epochal_api.trainingjob.network import MAX_OUTPUTS, Callback, Named, NameOrObject
from epochal_api.trainingjob.status import Mode

URI_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f\x7f]+$"


class Checkpoint(Model):
    """When checkpoints are stored, from which the training continues after an interruption."""

    every_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Epochs between checkpoints. Default: 1."""
    every_seconds: Annotated[int, Field(ge=1, le=7 * 24 * 3600)] | None = None
    """Seconds between checkpoints within an epoch. Default: only at the end of an epoch, and on termination."""
    keep: Annotated[int, Field(ge=1, le=100)] = 2
    """Number of checkpoints to keep: the latest ones. Default: 2."""


_ONE_SOURCE = exactly_one("name", "uri")


class ContinueFrom(Model):
    """The training to continue from, and which of its weights to start with."""

    model_config = ConfigDict(json_schema_extra=cel(_ONE_SOURCE))

    name: ObjectName | None = None
    """Name of another TrainingJob in this namespace. This job waits until the other one is Complete or Failed."""
    uri: (
        Annotated[str, matching(URI_PATTERN, "must be s3://BUCKET/FOLDER, a folder of results", max_length=1024)] | None
    ) = None
    """Results folder of another TrainingJob, from its status.results.uri, such as s3://results/vision/mnist/UID/. It
    must be on this job's storage.endpoint, and the credentials must be allowed to read it."""
    from_: Annotated[Literal["Last", "Best"], Field(alias="from"), UNSTORED_DEFAULT] = "Last"
    """The weights to continue from. Last: the weights of its last epoch, with the state of the optimizer and the
    callbacks, as if the training had continued; but an EarlyStopping that has ended it waits for its whole patience
    again. Best: the weights of its best epoch, from its results; epochs count from that epoch, and optimizer and
    callbacks start without state, because their state belongs to other weights. If its last epoch is the best, or as
    good, Best is the same as Last. Default: Last."""

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        _ONE_SOURCE.require(holds=is_one_set(self.name, self.uri))
        return self


class Monitor(Model):
    """The metric that decides the best epoch."""

    metric: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE_PATTERN)]
    """Name of a metric, as in status.metrics: such as val_loss, or val_accuracy if accuracy is a metric."""
    mode: Mode | None = None
    """Whether the lowest (Min) or the highest (Max) value is the best. Default: the direction of the metric in
    Keras."""


BALANCED = "Balanced"
MAX_CLASSES = 10_000
"""Maximum number of classes with weights."""
MAX_WEIGHT = 1e9
"""Maximum weight of a class or sample: sums of such weights are still finite in float32."""
_CLASS = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_WEIGHT = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,2})?", re.ASCII | re.IGNORECASE)
_MAX_DIGITS = 32
_MAX_SHOWN = 40


def _class_weights(value: Any) -> Any:
    """Return a map of class weights with its keys and values as text; Balanced and None unchanged. Check the map."""
    if value is None or value == BALANCED:
        return value
    if not isinstance(value, Mapping) or not 1 <= len(value) <= MAX_CLASSES:
        raise ValueError(f"must be {BALANCED}, or a map of 1 to {MAX_CLASSES:,} class indices to weights")
    weights = {str(number): str(weight) for number, weight in value.items()}
    for number, weight in weights.items():
        if not _CLASS.fullmatch(number):
            raise ValueError(f"must name classes by their indices, 0, 1, …, found {number!r:.{_MAX_SHOWN}}")
        if len(weight) > _MAX_DIGITS or not _WEIGHT.fullmatch(weight) or float(weight) > MAX_WEIGHT:
            must = f"a number from 0 to {MAX_WEIGHT:,.0f}, as an integer or as text"
            raise ValueError(f"the weight of class {number} must be {must}, found {weight!r:.{_MAX_SHOWN}}")
    return weights


ClassWeight = Annotated[
    Literal["Balanced"] | dict[str, str], BeforeValidator(_class_weights), WithJsonSchema({PRESERVE: True})
]
"""Balanced, or a map. A structural schema has no type for such alternatives."""


WEIGHT_PATTERN = r"^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"


def _check_weight(weight: str) -> str:
    if float(weight) > MAX_WEIGHT:
        raise ValueError(f"must be at most {MAX_WEIGHT:,.0f}, found {weight}")
    return weight


class Output(Model):
    """How one output of a network with several outputs is trained."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=132, pattern=r"^[A-Za-z0-9_.\\>-]+$")]
    """Name of the output, as in network.outputs; for NAME:N, it is NAME_N."""
    loss: NameOrObject
    """Loss of this output: a class of keras.losses and its arguments, or a name."""
    metrics: Annotated[list[NameOrObject], Field(max_length=32)] = []
    """Metrics of this output: names such as accuracy, or classes of keras.metrics with arguments. They are reported
    with the name of the output, such as val_NAME_accuracy."""
    weight: (
        Annotated[
            str,
            TEXT_IN_QUOTES,
            matching_in_quotes(
                WEIGHT_PATTERN, 'must be a number from 0 as text, such as "0.5"', max_length=_MAX_DIGITS
            ),
            AfterValidator(_check_weight),
        ]
        | None
    ) = None
    """Factor of this loss in the sum of the losses, as text such as "0.5". Default: 1."""

    @property
    def factor(self) -> float:
        """The weight as a number: 1 if it is not set."""
        return 1.0 if self.weight is None else float(self.weight)


class OutputTraining(NamedTuple):
    """How an output of a network is trained, from `training.loss` or from `training.outputs`.

    Args:
        name: Name of the output.
        field: Path of the part of the spec with the output's loss and metrics, for messages.
        loss: Loss of the output.
        metrics: Metrics of the output.
        weight: Factor of this loss in the sum of the losses.
    """

    name: str
    field: str
    loss: Named
    metrics: Sequence[Named]
    weight: float


_NO_LOSS = (
    "loss is required: write a class or a function of keras.losses, such as loss: SparseCategoricalCrossentropy for "
    "labels that are class indices, or write outputs, with the loss of each output of a network with several outputs"
)
_LOSS_AND_OUTPUTS = "loss and outputs cannot both be set: write the loss of each output in outputs, and remove loss"
_NO_METRICS = "metrics must be empty if outputs is set: write the metrics of each output in outputs"
_NO_CLASS_WEIGHT = "classWeight and outputs cannot both be set, as in Keras: give sample_weight in the data set"
LOSS_OF_EACH_OUTPUT = Rule(
    "has(self.training.outputs) || !has(self.network) || !has(self.network.outputs) || self.network.outputs.size() < 2",
    "training.outputs is required, with a loss for each output, because the network has several",
    ("self.network.outputs",),
)
"""Rule of the TrainingJob's spec: a network with several outputs needs training.outputs."""
_STOP_WITHIN_EPOCHS = Rule(
    "!has(self.stopAfterEpoch) || self.stopAfterEpoch <= self.epochs",
    "stopAfterEpoch must be at most epochs",
    ("self.stopAfterEpoch", "self.epochs"),
    "of",
)
_VALIDATE_WITHIN_EPOCHS = Rule(
    "!has(self.validationEveryEpochs) || self.validationEveryEpochs <= self.epochs",
    "validationEveryEpochs must be at most epochs, since otherwise no epoch is validated",
    ("self.validationEveryEpochs", "self.epochs"),
    "of",
)


class Training(Model):
    """How the network is trained."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            _STOP_WITHIN_EPOCHS,
            _VALIDATE_WITHIN_EPOCHS,
            # No rule of CEL, in which a field without a type does not exist. So metrics have none beside outputs.
            oneOf=[{"required": ["loss"]}, {"required": ["outputs"]}],
        )
    )

    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Number of passes through the training set. Default: 1."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    """Samples per step. Default: 32."""
    steps_per_epoch: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Steps of an epoch, for epochs that are longer or shorter than a pass through the training set. Each epoch takes
    the next batches: a pass that an epoch has begun is continued by the next epoch, and samples are shuffled before
    each pass. Default: one pass for each epoch."""
    validation_every_epochs: Annotated[int, Field(ge=1, le=1_000_000), UNSTORED_DEFAULT] = 1
    """Epochs between validations, as Keras' validation_freq: with 5, the epochs 5, 10, … are validated. Other epochs
    have no val_ metrics: callbacks that monitor one, such as EarlyStopping, skip these epochs. Default: 1."""
    optimizer: NameOrObject = Named(name="RMSprop")
    """Optimizer: a class of keras.optimizers and its arguments, such as {name: Adam, learning_rate: 0.001}. Default:
    RMSprop, with the default arguments of Keras."""
    loss: NameOrObject | None = None
    """Loss: a class of keras.losses and its arguments, or a name such as SparseCategoricalCrossentropy. Required,
    unless outputs is set."""
    outputs: (
        Annotated[list[Output], Field(min_length=1, max_length=MAX_OUTPUTS, json_schema_extra=list_map("name"))] | None
    ) = None
    """Loss, metrics and weight of each output of a network with several outputs, in place of loss and metrics."""
    metrics: Annotated[list[NameOrObject], Field(max_length=32)] = []
    """Metrics to report in addition to the loss: names such as accuracy, or classes of keras.metrics with arguments."""
    class_weight: ClassWeight | None = None
    """Weight of each class in the training loss, as Keras' class_weight: a map of class indices to weights, such as
    {"0": 1, "7": "2.5"}, in which unnamed classes have the weight 1; or Balanced, which gives all classes the same
    total weight: SAMPLES / (CLASSES * SAMPLES OF THE CLASS). It multiplies the sample weights of an npz
    (sample_weight). Validation and test do not use it. Default: all samples have the weight 1."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Seed of the weights, the order of samples, a randomly drawn validation part, and every random layer. The same
    seed in the same container image gives the same result. Default: 0."""
    precision: Annotated[Literal["float32", "mixed_bfloat16", "mixed_float16"], UNSTORED_DEFAULT] = "float32"
    """Data types for computation, as Keras' dtype policy; weights stay float32. Default: float32. mixed_bfloat16 and
    mixed_float16 are faster on GPUs that support them. With mixed_float16 the loss is scaled, as by Keras'
    LossScaleOptimizer. The last layer computes in float32, unless it has its own dtype."""
    jit_compile: bool | None = None
    """Whether training and evaluation are compiled with XLA, as Keras' jit_compile. Default: XLA is used on a GPU, if
    all layers support it."""
    callbacks: Annotated[list[Callback], Field(max_length=32)] = []
    """Callbacks of keras.callbacks that need no code, such as {callback: EarlyStopping, monitor: val_loss}."""
    monitor: Monitor | None = None
    """The metric that decides the best epoch for the status, the Prometheus series, the log, the curves and best.keras.
    Default: the monitor of EarlyStopping, else of ReduceLROnPlateau, else of a ModelCheckpoint with save_best_only,
    else val_loss, else loss. These callbacks still use their own monitor."""
    terminate_on_nan: Annotated[bool, Field(alias="terminateOnNaN")] = True
    """Whether a loss that is not finite fails the job, with the reason NonFiniteLoss. Default: true."""
    stall_seconds: Annotated[int, Field(ge=1, le=7 * 24 * 3600)] = 600
    """Seconds without a step after which the trainer counts as hanging and is restarted. Default: 600."""
    checkpoint: Checkpoint = Checkpoint()
    """When checkpoints are stored."""
    stop_after_epoch: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Epoch after which to stop, before the last one: checkpoint and models are stored, and the job is Complete with
    the reason StoppedAfterEpoch. Learning rates and callbacks use the full number of epochs. So an otherwise equal job
    with its results in continueFrom continues as if the training had never stopped. Default: none."""
    continue_from: ContinueFrom | None = None
    """Another training to continue from. Its epochs count: with epochs: 30, a training of 20 epochs is trained for 10
    more. Layers may be frozen or unfrozen (trainable): the optimizer keeps its state for weights that are trained in
    both."""

    def check_outputs(self, names: Sequence[str]) -> None:
        """Raise ValueError if `outputs` lacks an output of the network or has another, or a name begins with val_."""
        found = ", ".join(names)
        if self.outputs is None:
            LOSS_OF_EACH_OUTPUT.require(holds=len(names) == 1, found=found)
            return
        if len(names) > 1 and (reserved := next((name for name in names if f"{name}_".startswith("val_")), None)):
            raise ValueError(
                f"training.outputs: the name of an output must not begin with val_, found {reserved!r}: metrics of the "
                "validation begin with it"
            )
        if sorted(names) != sorted(given := [output.name for output in self.outputs]):
            raise ValueError(
                f"training.outputs must have one entry for each of the network's outputs, {found}, "
                f"found {', '.join(given)}"
            )

    def output_list(self, names: Sequence[str]) -> list[OutputTraining]:
        """Return how each output of the network is trained, in the order of `names`, the names of its outputs.

        `check_outputs` must have accepted the names.
        """
        if self.outputs is None:
            assert self.loss is not None  # noqa: S101 - the model has refused other values
            return [OutputTraining(names[0], "spec.training", self.loss, self.metrics, 1.0)]
        by_name = {
            output.name: OutputTraining(
                output.name, f"spec.training.outputs[{index}]", output.loss, output.metrics, output.factor
            )
            for index, output in enumerate(self.outputs)
        }
        return [by_name[name] for name in names]

    @model_validator(mode="after")
    def _check_losses(self) -> Self:
        if self.outputs is None:
            if self.loss is None:
                raise ValueError(_NO_LOSS)
            return self
        if self.loss is not None:
            raise ValueError(_LOSS_AND_OUTPUTS)
        if self.metrics:
            raise ValueError(_NO_METRICS)
        if self.class_weight is not None:
            raise ValueError(_NO_CLASS_WEIGHT)
        names = [output.name for output in self.outputs]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"outputs: must name each output once, found {twice!r} twice")
        return self

    @model_validator(mode="after")
    def _check_epochs(self) -> Self:
        stop = self.stop_after_epoch
        _STOP_WITHIN_EPOCHS.require(holds=stop is None or stop <= self.epochs, found=f"{stop} of {self.epochs}")
        every = self.validation_every_epochs
        _VALIDATE_WITHIN_EPOCHS.require(holds=every <= self.epochs, found=f"{every} of {self.epochs}")
        return self
