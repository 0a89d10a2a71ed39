"""The contents of `state.json` in a checkpoint, format 1. See README.md in this folder.

The file has the names of the code in camelCase, with these exceptions. Checkpoints of earlier versions have the same
names, so they stay.

| class | name in the file | name in the code |
|---|---|---|
| ResumeFacts | recipe | training_digest |
| ResumeFacts | division | split_parameters |
| ResumeFacts | before | earlier_best |
| ResumeFacts | lost | lost_best_epoch |
| ResumeFacts | seen | validation_was_trained_on |
| EarlierBest | where | results_uri |
| BestState | own | in_checkpoint |
| Epoch (reporting/history.py) | comparable | eligible |
| State | bits | array_types |
"""

from typing import Annotated, Any

from epochal_api.model import Model
from epochal_api.trainingjob.status import Mode
from pydantic import AwareDatetime, ConfigDict, FailFast, Field, StringConstraints

from epochal_trainer.data.dataset import Order
from epochal_trainer.reporting.history import Epoch

FORMAT = 1
BEST_FILE = "best.zip"
"""Name of the file that belongs to a checkpoint and contains the weights of the best epoch."""

Count = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=4096)]


class Part(Model):
    """Base class of the objects in `state.json`. Unknown fields from a later version are ignored."""

    model_config = ConfigDict(extra="ignore")


class Position(Part):
    """The position of a training: finished epochs, and finished steps of the running epoch."""

    epoch: Count = 0
    """Number of finished epochs."""
    step: Count = 0
    """Number of finished steps of the running epoch. If all steps are finished, only the validation is left."""
    begun: bool = False
    """Whether the running epoch has begun: then its metrics, and the changes of callbacks at its beginning, are
    restored."""


class EarlierBest(Part):
    """The best epoch of earlier trainings that this training continues, for comparison with this training's epochs."""

    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch, counted from 1."""
    metric: Text
    """The metric that selected the epoch."""
    mode: Mode
    """Min if the lowest value of the metric is the best, Max if the highest."""
    value: Annotated[float, Field(allow_inf_nan=False)]
    """Value of the metric."""
    results_uri: Annotated[Text, Field(alias="where")]
    """URI of the results of the training with this epoch."""


class ResumeFacts(Part):
    """The facts about a training that a resume compares, such as data, order of batches, loss and optimizer.

    Five fields have another name in the file: see the table at the top of this module.
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
    """SHA-256 of every data object that the training read, by key."""
    loss: dict[str, Any]
    """The loss and the class weights, as the TrainingJob describes them."""
    callbacks: list[dict[str, Any]]
    """The user's callbacks, as the TrainingJob describes them, in the order of State.callbacks."""
    network_files: dict[Text, Sha256] = {}
    """SHA-256 of each file that the network is read from, by its URI or key; empty if spec.network describes it."""
    split_parameters: Annotated[dict[str, Any] | None, Field(alias="division")] = None
    """Parameters of the random draw of validation samples from the training set, see data/split.py.

    Empty if the validation samples are the end of the training set; None without spec.data.validation.split.
    """
    training_digest: Annotated[Sha256, Field(alias="recipe")]
    """Digest of the fields of the spec that determine the epochs, see job.training_digest."""
    earlier_best: Annotated[EarlierBest | None, Field(alias="before")] = None
    """The best epoch of the earlier trainings that this training continued; None if no value is comparable."""
    lost_best_epoch: Annotated[Annotated[int, Field(ge=1, le=2**53)] | None, Field(alias="lost")] = None
    """Number of the best epoch, counted from 1, if its weights were lost; None if an epoch with weights is as good."""
    data_changed: Count | None = None
    """Number of finished epochs at the latest resume with changed data objects; None without such a resume."""
    validation_was_trained_on: Annotated[bool, Field(alias="seen")] = False
    """Whether earlier epochs may have been trained on samples that are now validation samples."""

    @property
    def order(self) -> Order:
        """The values that, with the data, determine the batches of an epoch."""
        return Order(self.samples, self.batch_size, self.seed, self.steps)

    @property
    def train_part(self) -> tuple[int, dict[str, Any]]:
        """The values that, with the data, determine which samples are in the training part and not in validation."""
        return self.samples, self.split_parameters or {}


class VariableState(Part):
    """Description of a variable. Its value is the array GROUP/INDEX of the checkpoint."""

    path: Text
    """Keras path of the variable, such as dense_1/kernel. Numbers are compared only by their order."""
    shape: tuple[Count, ...]
    dtype: Text


class CallbackState(Part):
    """The state of a callback of the user."""

    callback: Text
    """Name of the callback's class."""
    state: dict[Text, Any]
    """Attributes of the callback by name, see callback_state.py."""


class RandomState(Part):
    """The states of the global random generators of Python and NumPy."""

    python: list[Any]
    """The result of random.getstate()."""
    numpy: list[Any]
    """The result of numpy.random.get_state() without its array, which is stored as random/numpy."""


class FileState(Part):
    """A file that belongs to a checkpoint. Its content is the object files/SHA256 in the folder of checkpoints."""

    sha256: Sha256
    size: Count


class BestState(Part):
    """Description of the weights of the best epoch so far."""

    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch, counted from 1."""
    in_checkpoint: Annotated[bool, Field(alias="own")]
    """Whether the best weights are those of the checkpoint's model. Else BEST_FILE has them as arrays best/INDEX."""
    variables: Annotated[list[VariableState], FailFast()]
    """Descriptions of the best weights, in the order of the model's weights."""


class State(Part):
    """The content of `state.json`: the state of a training, without the values of arrays and the contents of files.

    Validation of a list stops at its first error, to limit the memory for errors in a damaged file.
    """

    format: int = FORMAT
    attempt: Annotated[int, Field(ge=1)]
    """The attempt that wrote the checkpoint."""
    time: AwareDatetime
    """Time at which the state was copied for the checkpoint."""
    position: Position
    """Position of the training."""
    seconds: Seconds
    """Seconds of the running epoch so far."""
    stop_training: bool
    """Whether a callback or a request to finish early has ended the training."""
    finished_early: bool = False
    """Whether a request to finish early has ended the training."""
    history: Annotated[list[Epoch], FailFast()]
    """The finished epochs."""
    facts: ResumeFacts
    variables: dict[Text, Annotated[list[VariableState], FailFast()]]
    """Descriptions of the variables by group: model, optimizer, metrics, random; and of learned state (learned)."""
    callbacks: Annotated[list[CallbackState], FailFast()]
    """States of the user's callbacks, in the order of the spec."""
    random: RandomState
    array_types: Annotated[dict[Text, Text], Field(alias="bits")] = {}
    """Types, by array name, of the arrays that are stored as unsigned integers because NumPy's format lacks their
    types, such as bfloat16."""
    files: dict[Text, FileState] = {}
    """Files by path relative to the results: files of the user's callbacks, the log, and BEST_FILE."""
    best: BestState | None = None
    """The weights of the best epoch so far, if there are any."""
    versions: dict[Text, Text] = {}
    """Versions of the software that wrote the checkpoint and can change the result, by name."""
