"""The contents of `state.json` in a checkpoint, format 1. See README.md in this folder."""

from typing import Annotated, Any

from epochal_api.model import Model
from epochal_api.trainingjob.status import Mode
from pydantic import AwareDatetime, ConfigDict, FailFast, Field, StringConstraints

from epochal_trainer.data.dataset import Order
from epochal_trainer.reporting.history import Epoch

FORMAT = 1
BEST_FILE = "best.zip"
"""The file of a checkpoint that holds the weights of the best epoch."""

Count = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=4096)]


class Part(Model):
    """A part of the format. Unknown fields from a later version are ignored."""

    model_config = ConfigDict(extra="ignore")


class Position(Part):
    """The position of a training."""

    epoch: Count = 0
    """Number of finished epochs."""
    step: Count = 0
    """Number of finished steps of the running epoch. If all steps are finished, only the validation is left."""
    begun: bool = False
    """Whether the running epoch has begun: then its metrics, and the changes of callbacks at its beginning, are
    restored."""


class EarlierBest(Part):
    """The best epoch of the trainings that this training continues, to compare its own epochs with."""

    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch, counted from 1."""
    metric: Text
    """The metric that selected the epoch."""
    mode: Mode
    """Whether the lowest or the highest value is the best."""
    value: Annotated[float, Field(allow_inf_nan=False)]
    """Value of the metric."""
    results_uri: Annotated[Text, Field(alias="where")]
    """URI of the results of its training."""


class ResumeFacts(Part):
    """The facts that determine a position within an epoch, and other facts to compare.

    A field with an alias keeps the name that earlier versions stored.
    """

    samples: Count
    """Number of samples in the training set."""
    batch_size: Count
    """Samples per step."""
    steps: Count
    """Steps per epoch."""
    seed: Count
    """Seed of the order of samples."""
    optimizer: dict[str, Any]
    """The optimizer, as the TrainingJob describes it."""
    data: dict[Text, Sha256]
    """SHA-256 of every object that was read, by key."""
    loss: dict[str, Any]
    """The loss, as the TrainingJob describes it, with class weights."""
    callbacks: list[dict[str, Any]]
    """The user's callbacks, as the TrainingJob describes them, in the order of State.callbacks."""
    network_files: dict[Text, Sha256] = {}
    """SHA-256 of the file that the network comes from, by its URI or its key; empty for spec.network."""
    split_parameters: Annotated[dict[str, Any] | None, Field(alias="division")] = None
    """Parameters of the draw of validation samples from the training set; empty or None if they were not drawn."""
    training_digest: Annotated[Sha256, Field(alias="recipe")]
    """Digest of everything that determines the epochs, see job.training_digest."""
    earlier_best: Annotated[EarlierBest | None, Field(alias="before")] = None
    """The best epoch of the trainings that this one continued, if its metrics are comparable."""
    lost_best_epoch: Annotated[Annotated[int, Field(ge=1, le=2**53)] | None, Field(alias="lost")] = None
    """The best epoch, counted from 1, if its weights were lost and no later epoch was better."""
    data_changed: Count | None = None
    """Number of finished epochs when a change of the data objects was found; None without a change."""
    validation_was_trained_on: Annotated[bool, Field(alias="seen")] = False
    """Whether validation samples may include samples that were trained on before. Once true, it stays true."""

    @property
    def order(self) -> Order:
        """The values that determine the batches of an epoch."""
        return Order(self.samples, self.batch_size, self.seed, self.steps)

    @property
    def train_part(self) -> tuple[int, dict[str, Any]]:
        """The values that determine which samples of the same data are trained on."""
        return self.samples, self.split_parameters or {}


class VariableState(Part):
    """A variable; its value is the array GROUP/INDEX."""

    path: Text
    """Its Keras path, such as dense_1/kernel. Only the order of numbers in it counts."""
    shape: tuple[Count, ...]
    dtype: Text


class CallbackState(Part):
    """A callback of the user."""

    callback: Text
    """Name of its class."""
    state: dict[Text, Any]
    """Its attributes by name, see callback_state.py."""


class RandomState(Part):
    """The states of the random generators outside the network."""

    python: list[Any]
    """The result of random.getstate()."""
    numpy: list[Any]
    """The result of numpy.random.get_state() without its array, which is stored as random/numpy."""


class FileState(Part):
    """A file; its content is the object files/SHA256."""

    sha256: Sha256
    size: Count


class BestState(Part):
    """The weights of the best epoch so far."""

    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch, counted from 1."""
    in_checkpoint: Annotated[bool, Field(alias="own")]
    """Whether these are the checkpoint's own weights; else the file BEST_FILE holds them as the arrays best/INDEX."""
    variables: Annotated[list[VariableState], FailFast()]
    """Descriptions of the weights."""


class State(Part):
    """The state of a training in a checkpoint, without its arrays and files.

    For each list, validation stops at the first error: an error takes a thousand times the memory of the text that
    causes it.
    """

    format: int = FORMAT
    attempt: Annotated[int, Field(ge=1)]
    """The attempt that wrote the checkpoint."""
    time: AwareDatetime
    """Time of the capture."""
    position: Position
    """Position of the training."""
    seconds: Seconds
    """Seconds of the running epoch so far."""
    stop_training: bool
    """Whether a callback ended the training, or a request to finish early did."""
    finished_early: bool = False
    """Whether a request to finish early ended the training."""
    history: Annotated[list[Epoch], FailFast()]
    """The finished epochs."""
    facts: ResumeFacts
    variables: dict[Text, Annotated[list[VariableState], FailFast()]]
    """The variables by group: model, optimizer, metrics, random; and the learned state as the group learned."""
    callbacks: Annotated[list[CallbackState], FailFast()]
    """The user's callbacks, in their order."""
    random: RandomState
    bits: dict[Text, Text] = {}
    """Types of the arrays that are stored as unsigned integers because NumPy's format lacks their types, such as
    bfloat16."""
    files: dict[Text, FileState] = {}
    """Files by path relative to the results: files of the user's callbacks, the log, and BEST_FILE."""
    best: BestState | None = None
    """The weights of the best epoch so far, if there are any."""
    versions: dict[Text, Text] = {}
    """Versions of the software that can change the result."""
