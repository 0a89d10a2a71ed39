"""What a checkpoint says of itself: `state.json`, in format 1. See README.md beside this file."""

from typing import Annotated, Any

from epochal_api.model import Model
from epochal_api.status import Mode
from pydantic import AwareDatetime, ConfigDict, FailFast, Field, StringConstraints

from epochal_trainer.data import Order
from epochal_trainer.reporting.history import Epoch

FORMAT = 1
BEST_FILE = "best.zip"
"""The file with the weights of the best epoch, among those of a checkpoint."""

Count = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=4096)]


class Part(Model):
    """A part of the format. What a later version adds to it is passed over."""

    model_config = ConfigDict(extra="ignore")


class Position(Part):
    """Where a training is."""

    epoch: Count = 0
    """Finished epochs."""
    step: Count = 0
    """Finished steps of the running epoch. As many as an epoch has: only its validation is left."""
    begun: bool = False
    """Whether the running epoch has begun: its metrics, and what callbacks did at its beginning, count."""


class Before(Part):
    """The best epoch of the trainings that one goes on from: it is none of its own, which are measured by it."""

    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch, counted from 1."""
    metric: Text
    """What it was best in."""
    mode: Mode
    """Whether the lowest value is the best, or the highest."""
    value: Annotated[float, Field(allow_inf_nan=False)]
    """The value it reached."""
    where: Text
    """Where the results of its training lie."""


class Facts(Part):
    """What a position within an epoch depends on, and what else is worth comparing."""

    samples: Count
    """Samples of the training set."""
    batch_size: Count
    """Samples per step."""
    steps: Count
    """Steps of an epoch."""
    seed: Count
    """Seed of the order of samples."""
    optimizer: dict[str, Any]
    """The optimizer, as the TrainingJob describes it."""
    data: dict[Text, Sha256]
    """SHA-256 by key of every object that was read."""
    loss: dict[str, Any] | None = None
    """The loss, as the TrainingJob describes it, weights of classes too; None in a checkpoint of before this was
    written."""
    callbacks: list[dict[str, Any]] | None = None
    """The user's callbacks, as the TrainingJob describes them, in the order of State.callbacks; None likewise."""

    division: dict[str, Any] | None = None
    """How a part of the training set was drawn to validate on; empty or None if it was not drawn."""
    recipe: Sha256 | None = None
    """Digest of all that the epochs follow from, see job.recipe; None in a checkpoint of before this was written."""
    before: Before | None = None
    """The best epoch of the trainings that this one went on from, where its figures are comparable; None in a
    checkpoint of before this was written, too."""
    lost: Annotated[int, Field(ge=1, le=2**53)] | None = None
    """The best epoch, counted from 1, if its weights were lost and none was better since; None likewise."""
    data_changed: Count | None = None
    """Finished epochs when the objects of the data were found to have changed; None if they never were."""
    seen: bool = False
    """Whether samples to validate on may be some that were trained on before: then they may for ever."""

    @property
    def order(self) -> Order:
        """What the batches of an epoch follow from."""
        return Order(self.samples, self.batch_size, self.seed)

    @property
    def trained(self) -> tuple[int, dict[str, Any]]:
        """What tells which samples of the same data are trained on."""
        return self.samples, self.division or {}


class FinishedEpoch(Part):
    """A finished epoch, see epochs.Epoch."""

    number: Count
    seconds: Seconds
    learning_rate: float | None = None
    metrics: dict[Text, float]
    comparable: bool = True
    """Whether it may be the best; until other trainings' epochs no longer could, only those of another loss not. Nor
    may those from before the best weights were lost."""

    @classmethod
    def of(cls, epoch: Epoch) -> "FinishedEpoch":
        """Describes a finished epoch."""
        return cls(
            number=epoch.number,
            seconds=epoch.seconds,
            learning_rate=epoch.learning_rate,
            metrics=dict(epoch.metrics),
            comparable=epoch.comparable,
        )

    def epoch(self) -> Epoch:
        """Returns the finished epoch."""
        return Epoch(self.number, self.seconds, self.learning_rate, self.metrics, self.comparable)


class VariableState(Part):
    """A variable; its value is the array GROUP/INDEX."""

    path: Text
    """Its name, such as dense_1/kernel. Numbers in it count by their order alone."""
    shape: tuple[Count, ...]
    dtype: Text


class CallbackState(Part):
    """A callback of the user's."""

    callback: Text
    """Its class."""
    state: dict[Text, Any]
    """Its attributes by name, see values.py."""


class RandomState(Part):
    """The generators of random numbers outside of the network."""

    python: list[Any]
    """What random.getstate() gives."""
    numpy: list[Any]
    """What numpy.random.get_state() gives, without its array, which is random/numpy."""


class FileState(Part):
    """A file; its content is the object files/SHA256."""

    sha256: Sha256
    size: Count


class BestState(Part):
    """The weights of the best epoch so far."""

    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch, counted from 1."""
    own: bool
    """Whether the checkpoint's own weights are these; else the file BEST_FILE holds them, as the arrays best/INDEX."""
    variables: Annotated[list[VariableState], FailFast()]
    """What they are the values of."""


class State(Part):
    """All of a checkpoint but its arrays and files.

    Of a list one fault is told: each takes a thousand times what it needs to be written.
    """

    format: int = FORMAT
    attempt: Annotated[int, Field(ge=1)]
    """The attempt that wrote it."""
    time: AwareDatetime
    """When the training was there."""
    position: Position
    """Where the training was."""
    seconds: Seconds
    """Seconds that the running epoch had taken so far."""
    stop_training: bool
    """Whether a callback has ended the training, or it was finished early."""
    finished_early: bool = False
    """Whether it was finished early, as it was asked to."""
    history: Annotated[list[FinishedEpoch], FailFast()]
    """The finished epochs."""
    facts: Facts
    variables: dict[Text, Annotated[list[VariableState], FailFast()]]
    """The variables by group: model, optimizer, metrics, random."""
    callbacks: Annotated[list[CallbackState], FailFast()]
    """The user's callbacks, in their order."""
    random: RandomState
    bits: dict[Text, Text] = {}
    """Types of the arrays that are stored as bits, since NumPy's own format does not know them: bfloat16, ..."""
    files: dict[Text, FileState] = {}
    """Files by path relative to the results: those of the user's callbacks, the log, and BEST_FILE."""
    best: BestState | None = None
    """The weights of the best epoch so far; None where there are none, or in a checkpoint of before they were kept."""
    versions: dict[Text, Text] = {}
    """Versions of what the result depends on."""
