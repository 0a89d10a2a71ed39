"""A trainer's messages: progress reports while it runs, and the termination message of its pod."""

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
from epochal_api.pod import MAX_TERMINATION_BYTES
from epochal_api.signature import FileName, Sha256, Which
from epochal_api.status import MAX_EXPORT, MAX_EXPORTS, MAX_NAMES, MAX_WARNING, MAX_WARNINGS, Mode, Stage
from epochal_api.storage import ExportFormat
from epochal_api.text import PRINTABLE_PATTERN

UNFINISHED = "Unfinished"
"""Reason of a termination message that was written in advance."""
COMPLETED = "Completed"
"""Reason in the termination message of a complete training."""
FINISHED_EARLY = "FinishedEarly"
"""Reason in the termination message of a training that finished early as requested."""
STOPPED_AFTER_EPOCH = "StoppedAfterEpoch"
"""Reason in the termination message of a training that stopped after the epoch in its spec, before its last epoch."""

MAX_REPORT_BYTES = 64 * 1024
INTERVAL_SECONDS = 5.0
"""Seconds between reports within an epoch, unless the operator requests more."""

MAX_NAME = 128
"""Maximum characters of a metric's name."""
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
    """A part of a report. Unknown fields of a newer trainer are ignored: operator and trainer are upgraded apart."""

    model_config = ConfigDict(extra="ignore")


class BestEpoch(ProgressModel):
    """The best epoch so far."""

    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch, counted from 1."""
    metric: MetricName
    """Metric that decides the best epoch."""
    mode: Mode | None = None
    """Whether the lowest or the highest value is the best. Trainers before this field report losses only."""
    value: float
    """Value of the metric in this epoch."""


class Size(ProgressModel):
    """Size of the network."""

    parameters: Count
    """Total number of weights."""
    layers: Count
    """Number of layers without the input."""


class Artifacts(ProgressModel):
    """Locations of the results."""

    uri: Uri
    """URI of the folder of all results."""
    model: Uri | None = None
    """URI of the trained model, once it is stored."""
    log: Uri | None = None
    """URI of the log, once it is stored."""


class StoredModel(ProgressModel):
    """A stored model, read back and verified to contain the evaluated weights."""

    name: FileName
    """File name in the results folder."""
    epoch: Annotated[int, Field(ge=1, le=2**53)]
    """The epoch of its weights, counted from 1."""
    sha256: Sha256
    """SHA-256 of the file."""
    test: Values | None = None
    """Metrics on the test set, for a model other than the one of `Report.test`."""


class ExportedModel(ProgressModel):
    """A stored model in a format for programs without Keras."""

    name: FileName
    """File name in the results folder."""
    model: Which
    """Which model was exported."""
    format: ExportFormat
    """Format of the file."""
    sha256: Sha256
    """SHA-256 of the file."""
    difference: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Largest absolute difference between its outputs and those of Keras for samples of the data; None without
    samples."""


class Export(ProgressModel):
    """Result of the model exports."""

    reason: Reason
    """Exported, or the reason for a missing export: NotExportable, ExportDiffers, ExportFailed."""
    message: Annotated[str, StringConstraints(max_length=MAX_EXPORT)] = ""
    """Explanation for users, with the layer's name."""
    exports: Annotated[list[ExportedModel], Field(max_length=MAX_EXPORTS)] = []
    """The stored exports."""
    signature: Sha256 | None = None
    """SHA-256 of signature.json, if it is stored."""


class Waiting(ProgressModel):
    """The cause for which the trainer waits."""

    reason: Reason
    """Machine-readable cause, such as EndpointUnreachable."""
    message: Annotated[str, StringConstraints(max_length=4096)] = ""
    """Explanation of the cause for users."""
    since: AwareDatetime
    """When the trainer started to wait."""


class Warned(ProgressModel):
    """A warning of the trainer. The training continues, but perhaps not as the user intended."""

    reason: Reason
    """Machine-readable reason, such as MissingClasses."""
    message: Annotated[str, StringConstraints(max_length=MAX_WARNING)]
    """Explanation and advice for users."""


class Report(ProgressModel):
    """The complete latest state of a trainer: a later report includes the data of all earlier ones."""

    attempt: Annotated[int, Field(ge=0, le=2**31 - 1)]
    """1 + the number of restarts before this pod. 0 while this is unknown, because the storage that counts attempts
    does not answer: then `waiting` is the only new part of the report."""
    sequence: Count
    """Number of the report within its attempt."""
    stage: Stage
    """Stage of the trainer."""
    epoch: Count = 0
    """Finished epochs."""
    epochs: Count
    """Total number of epochs."""
    step: Count = 0
    """Finished steps of the running epoch."""
    steps_per_epoch: Count = 0
    """Steps of an epoch; 0 while unknown."""
    seconds_per_epoch: Duration | None = None
    """Seconds of the last finished epoch, including its validation."""
    seconds_left: Duration | None = None
    """Expected seconds until the training ends."""
    metrics: Values | None = None
    """Metrics of the last finished epoch."""
    best: BestEpoch | None = None
    """The best epoch so far."""
    test: Values | None = None
    """Metrics of the trained network on the test set."""
    network: Size | None = None
    """Size of the network."""
    artifacts: Artifacts | None = None
    """Locations of the results."""
    models: Annotated[list[StoredModel], Field(max_length=MAX_NAMES)] | None = None
    """The trained models, once they are stored."""
    export: Annotated[Export | None, WrapValidator(_or_none)] = None
    """Result of the model exports, once they were tried."""
    signature: Sha256 | None = None
    """SHA-256 of signature.json, if it is stored, independent of the exports."""
    waiting: Waiting | None = None
    """The cause for which the trainer waits, if it cannot continue or cannot store its results."""
    finish_after_epoch: Count | None = None
    """The epoch after which the training ends early, because it was asked to finish."""
    stopped_after_epoch: Count | None = None
    """The epoch after which the training stopped, before its last one, because of its spec."""
    peak_memory: Count | None = None
    """Peak memory of the container in bytes."""
    warnings: Annotated[Annotated[list[Warned], Field(max_length=MAX_WARNINGS)] | None, WrapValidator(_or_none)] = None
    """Warnings, one for each reason. Invalid warnings, as from another version, do not invalidate the rest of the
    report."""

    @property
    def order(self) -> tuple[int, int]:
        """Sort key of reports: a later report has a greater key."""
        return self.attempt, self.sequence


class Answer(ProgressModel):
    """The operator's response to a report. An operator before a field omits it."""

    message: str
    """Result of the report."""
    report_after_seconds: Duration | None = None
    """Seconds until the next report within an epoch, which grow with the number of trainings."""
    epoch_after_seconds: Duration | None = None
    """Seconds until the next report of an epoch's end or other news."""
    finish: bool | None = None
    """Value of spec.finish: whether to finish early; None if it was not read."""
    finish_after_epoch: Count | None = None
    """The epoch that was running or had ended, as far as known. The training does not finish before the end of this
    epoch, even if a later attempt must repeat it."""


class Position(ProgressModel):
    """Position in a training."""

    epoch: Count
    """Finished epochs."""
    step: Count
    """Finished steps of the running epoch."""


class Termination(ProgressModel):
    """A trainer's termination message.

    A running trainer writes one with the reason UNFINISHED in case it is killed. This message then has the position,
    but not the cause.
    """

    reason: Reason
    """Machine-readable reason for the end: Completed, the error, or UNFINISHED."""
    message: Annotated[str, StringConstraints(max_length=MAX_TERMINATION_BYTES)]
    """Explanation for users: the value found and the value expected."""
    position: Annotated[Position | None, WrapValidator(_or_none)] = None
    """Position of the training at the end."""
    report: Annotated[Report | None, WrapValidator(_or_none)] = None
    """The last report, in case it could not be delivered. An invalid report, as from another version, does not
    invalidate the reason and the message."""

    def encode(self) -> str:
        """Return the message as JSON within the kubelet's limit of bytes.

        A message that is too long is cut: first the report's warnings, then the end of the message, then the message
        about the export, then the report.
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
    """Return the termination message of a trainer, or None for another text.

    Args:
        text: A container's termination message: JSON from a trainer, or any text of a program that crashed.

    Returns:
        The parsed message, or None if a trainer did not write the text.
    """
    try:
        return Termination.model_validate_json(text)
    except ValidationError:
        return None
