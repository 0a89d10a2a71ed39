"""What a trainer tells of itself: reports while it runs, and last words in its pod's termination message."""

from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from epochal_api.model import Model
from epochal_api.signature import FileName, Sha256, Which
from epochal_api.status import MAX_EXPORT, MAX_EXPORTS, MAX_NAMES, MAX_WARNING, MAX_WARNINGS, Mode, Stage
from epochal_api.storage import ExportFormat
from epochal_api.text import PRINTABLE_PATTERN

UNFINISHED = "Unfinished"
"""Reason of last words that were left in advance."""
COMPLETED = "Completed"
"""Reason of last words of a training that is complete."""
FINISHED_EARLY = "FinishedEarly"
"""Reason of last words of a training that was asked to finish, and has."""
STOPPED_AFTER_EPOCH = "StoppedAfterEpoch"
"""Reason of last words of a training that has stopped after the epoch that its spec names, with more to come."""

MAX_REPORT_BYTES = 64 * 1024
INTERVAL_SECONDS = 5.0
"""Time between reports within an epoch, unless the operator asks for more."""
MAX_TERMINATION_BYTES = 4096
"""What the kubelet keeps: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/."""

MAX_NAME = 128
"""Characters of a figure's name."""
MetricName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, pattern=PRINTABLE_PATTERN)]
Values = Annotated[dict[MetricName, float], Field(max_length=MAX_NAMES)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=PRINTABLE_PATTERN)]
Reason = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{0,127}$")]
Duration = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


class ProgressModel(Model):
    """A part of a report. What a newer trainer adds is passed over: operator and trainer are upgraded apart."""

    model_config = ConfigDict(extra="ignore")


class BestEpoch(ProgressModel):
    """The best epoch so far."""

    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch, counted from 1."""
    metric: MetricName
    """What it was best in."""
    mode: Mode | None = None
    """Whether the lowest value is the best, or the highest. A trainer of before this field knows losses only."""
    value: float
    """The value it reached."""


class Size(ProgressModel):
    """How large the network is."""

    parameters: Count
    """Weights in all."""
    layers: Count
    """Layers, the input not counted."""


class Artifacts(ProgressModel):
    """Where the results lie."""

    uri: Uri
    """Folder of all results."""
    model: Uri | None = None
    """The trained model, once it is stored."""
    log: Uri | None = None
    """The log, once it is stored."""


class StoredModel(ProgressModel):
    """A model among the results: stored, read back, and found to hold the weights that were evaluated."""

    name: FileName
    """Its file in the folder of all results."""
    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch whose weights it holds, counted from 1."""
    sha256: Sha256
    """The file's SHA-256."""
    test: Values | None = None
    """Figures on the test set of a model beside the one that `Report.test` tells of."""


class ExportedModel(ProgressModel):
    """A model among the results, in a form for programs that have no Keras."""

    name: FileName
    """Its file in the folder of all results."""
    model: Which
    """Which model it is."""
    format: ExportFormat
    """The form."""
    sha256: Sha256
    """The file's SHA-256."""
    difference: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """The largest absolute difference of its answers to samples of the data from those of Keras; None if there were no
    samples."""


class Export(ProgressModel):
    """What became of the models' other forms."""

    reason: Reason
    """Exported, or why not all of them are there: NotExportable, ExportDiffers, ExportFailed."""
    message: Annotated[str, StringConstraints(max_length=MAX_EXPORT)] = ""
    """What was found, for people, with the layer's name."""
    exports: Annotated[list[ExportedModel], Field(max_length=MAX_EXPORTS)] = []
    """Those that are stored."""
    signature: Sha256 | None = None
    """SHA-256 of signature.json, if it is stored."""


class Waiting(ProgressModel):
    """What the trainer waits for."""

    reason: Reason
    """What it waits for, in one word, such as EndpointUnreachable."""
    message: Annotated[str, StringConstraints(max_length=4096)] = ""
    """What it waits for, for people."""
    since: AwareDatetime
    """When it began to wait."""


class Warned(ProgressModel):
    """What the trainer warns of: a training that goes on, though it may not do what was meant."""

    reason: Reason
    """What is the matter, in one word, such as MissingClasses."""
    message: Annotated[str, StringConstraints(max_length=MAX_WARNING)]
    """What was found and what to do, for people."""


class Report(ProgressModel):
    """A trainer's whole latest state: a later report holds all that an earlier one held."""

    attempt: Annotated[int, Field(ge=0, le=2**31 - 1)]
    """1 + the number of restarts before this pod. 0 while that is not known, for the storage that counts attempts gives
    no answer yet: then `waiting` is all that the report adds to what an earlier attempt told."""
    sequence: Count
    """Number of the report within its attempt."""
    stage: Stage
    """What the trainer is doing."""
    epoch: Count = 0
    """Finished epochs."""
    epochs: Count
    """Epochs in all."""
    step: Count = 0
    """Finished steps of the running epoch."""
    steps_per_epoch: Count = 0
    """Steps of an epoch; 0 while it is not known."""
    seconds_per_epoch: Duration | None = None
    """Seconds that the last finished epoch took with its validation."""
    seconds_left: Duration | None = None
    """Seconds until training is expected to end."""
    metrics: Values | None = None
    """Figures of the last finished epoch."""
    best: BestEpoch | None = None
    """The best epoch so far."""
    test: Values | None = None
    """Figures of the trained network on the test set."""
    network: Size | None = None
    """How large the network is."""
    artifacts: Artifacts | None = None
    """Where the results lie."""
    models: Annotated[list[StoredModel], Field(max_length=MAX_NAMES)] | None = None
    """The trained models, once they are stored."""
    export: Annotated[Export | None, WrapValidator(_or_none)] = None
    """What became of their other forms, once that was tried."""
    signature: Sha256 | None = None
    """SHA-256 of signature.json, if it is stored, whatever became of these."""
    waiting: Waiting | None = None
    """What it waits for, if it cannot go on or cannot store what it has."""
    finish_after_epoch: Count | None = None
    """The epoch that it ends after, early, since it was asked to finish."""
    stopped_after_epoch: Count | None = None
    """The epoch that it has stopped after, with more to come, since its spec says so."""
    peak_memory: Count | None = None
    """Bytes of memory that the container took at its peak."""
    warnings: Annotated[Annotated[list[Warned], Field(max_length=MAX_WARNINGS)] | None, WrapValidator(_or_none)] = None
    """What it warns of, one of each reason. Warnings of another version that do not suit this one take nothing else of
    the report with them."""

    @property
    def order(self) -> tuple[int, int]:
        """Sorts reports: a later one is greater."""
        return self.attempt, self.sequence


class Answer(ProgressModel):
    """What the operator says to a report. One that is older than a field leaves it out."""

    message: str
    """What became of the report."""
    report_after_seconds: Duration | None = None
    """Time until the next report within an epoch: the more trainings there are, the longer."""
    epoch_after_seconds: Duration | None = None
    """Time until the next report of an epoch's end, or of whatever else is new."""
    finish: bool | None = None
    """Whether to finish early, as spec.finish says; None where that was not looked at."""
    finish_after_epoch: Count | None = None
    """The epoch that was running, or has ended, as far as is known: it does not finish before the end of that, even
    where a later attempt has to train it again."""


class Position(ProgressModel):
    """Where a training is."""

    epoch: Count
    """Finished epochs."""
    step: Count
    """Finished steps of the running epoch."""


class Termination(ProgressModel):
    """A trainer's last words.

    It leaves some while it is still running, with the reason UNFINISHED, for the case that it is killed: then they tell
    where that was, but not why.
    """

    reason: Reason
    """Why it ended, in one word: Completed, what went wrong, or UNFINISHED."""
    message: Annotated[str, StringConstraints(max_length=MAX_TERMINATION_BYTES)]
    """Why, for people: what was found and what must hold."""
    position: Annotated[Position | None, WrapValidator(_or_none)] = None
    """Where the training was."""
    report: Annotated[Report | None, WrapValidator(_or_none)] = None
    """Its last report, in case none could be delivered. One that another version left, and that does not suit this one,
    takes neither the reason nor the message with it."""

    def encode(self) -> str:
        """Returns JSON within the bytes that the kubelet keeps.

        What is too long is cut: the report's warnings go first, then the message's end, then what the report says of an
        export, then the report.
        """
        figures = self.report and self.report.model_copy(update={"warnings": None})
        export = figures and figures.export and figures.export.model_copy(update={"message": ""})
        short = figures and figures.model_copy(update={"export": export})
        whole = len(self.message)
        for length, report in ((whole, self.report), (whole, figures), (1024, figures), (1024, short), (256, None)):
            last = self.model_copy(update={"message": self.message[:length], "report": report})
            text = last.model_dump_json(exclude_none=True)
            if len(text.encode()) <= MAX_TERMINATION_BYTES:
                break
        return text


def decode_termination(text: str) -> Termination | None:
    """Reads last words.

    Args:
        text: A container's termination message: JSON from a trainer, or anything from a program that crashed.

    Returns:
        What the trainer left, or None if these are not a trainer's words.
    """
    try:
        return Termination.model_validate_json(text)
    except ValidationError:
        return None
