"""The messages of a trainer to the operator: reports while it runs, and the termination message of its container."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from epochal_api.model import Count, TolerantModel
from epochal_api.pod import MAX_TERMINATION_BYTES
from epochal_api.signature import FileName, ModelChoice, Sha256
from epochal_api.storage import ExportFormat
from epochal_api.text import PRINTABLE_PATTERN
from epochal_api.trainingjob.status import (
    MAX_EXPORT_MESSAGE,
    MAX_EXPORTS,
    MAX_NAMES,
    MAX_WARNING_MESSAGE,
    MAX_WARNINGS,
    Mode,
    Stage,
    StartStage,
)

UNFINISHED = "Unfinished"
"""Reason of a termination message that a trainer writes while it runs, in case it is killed."""
COMPLETED = "Completed"
"""Reason in the termination message of a complete training."""
FINISHED_EARLY = "FinishedEarly"
"""Reason in the termination message of a training that finished early as requested."""
STOPPED_AFTER_EPOCH = "StoppedAfterEpoch"
"""Reason in the termination message of a training that stopped after the epoch in its spec, before its last epoch."""

MAX_REPORT_BYTES = 64 * 1024
INTERVAL_SECONDS = 5.0
"""Seconds between reports within an epoch, unless the operator requests a longer interval."""

MAX_NAME = 128
"""Maximum characters of a metric's name."""
MetricName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, pattern=PRINTABLE_PATTERN)]
Values = Annotated[dict[MetricName, float], Field(max_length=MAX_NAMES)]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=PRINTABLE_PATTERN)]
Reason = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{0,127}$")]
Duration = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _or_none(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


class BestEpoch(TolerantModel):
    """The best epoch so far: status.Best."""

    epoch: Annotated[int, Field(ge=1, le=2**53)]
    metric: MetricName
    mode: Mode | None = None
    value: float


class NetworkSize(TolerantModel):
    """Size of the network: status.NetworkSize."""

    parameters: Count
    layers: Count


class Artifacts(TolerantModel):
    """Locations of the results: status.StoredResults. `model` and `log` are set once these files are stored."""

    uri: Uri
    model: Uri | None = None
    log: Uri | None = None


class StoredModel(TolerantModel):
    """A stored model in a trainer's report. The operator writes it into the status of the job as status.StoredModel.

    The trainer has read the file back, and verified that it contains the evaluated weights.
    """

    name: FileName
    epoch: Annotated[int, Field(ge=1, le=2**53)]
    sha256: Sha256
    test: Values | None = None


class ExportedModel(TolerantModel):
    """A stored model in a format for programs without Keras: status.ExportedModel."""

    name: FileName
    model: ModelChoice
    format: ExportFormat
    sha256: Sha256
    difference: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """None if the export was not compared, because no samples of the data were available."""


class Export(TolerantModel):
    """Result of the model exports: status.Export."""

    reason: Reason
    message: Annotated[str, StringConstraints(max_length=MAX_EXPORT_MESSAGE)] = ""
    exports: Annotated[list[ExportedModel], Field(max_length=MAX_EXPORTS)] = []
    """The stored exports."""
    signature: Sha256 | None = None
    """SHA-256 of signature.json, if it is stored."""


class Waiting(TolerantModel):
    """The cause for which the trainer waits: status.Waiting."""

    reason: Reason
    message: Annotated[str, StringConstraints(max_length=4096)] = ""
    since: AwareDatetime


class TrainingWarning(TolerantModel):
    """A warning of the trainer: status.TrainingWarning."""

    reason: Reason
    message: Annotated[str, StringConstraints(max_length=MAX_WARNING_MESSAGE)]


class Report(TolerantModel):
    """The complete latest state of a trainer: a later report includes the data of all earlier ones.

    A field with the name of a field of status.Progress or status.ReportedStatus has the same meaning.
    """

    attempt: Annotated[int, Field(ge=0, le=2**31 - 1)]
    """1 + the number of restarts before this pod. 0 while this is unknown, because the storage that counts attempts
    was not asked or does not answer: then `start_stage` and `waiting` are the only new parts of the report."""
    sequence: Count
    stage: Stage
    """Loading until the first step of the attempt."""
    start_stage: Annotated[StartStage | None, WrapValidator(_or_none)] = None
    """Step of the start while `stage` is Loading. An unknown step, as of another version, becomes None."""
    epoch: Count = 0
    epochs: Count
    step: Count = 0
    steps_per_epoch: Count = 0
    """Steps of an epoch; 0 while unknown."""
    seconds_per_epoch: Duration | None = None
    seconds_left: Duration | None = None
    """Expected seconds until the training ends."""
    metrics: Values | None = None
    best: BestEpoch | None = None
    test: Values | None = None
    network: NetworkSize | None = None
    artifacts: Artifacts | None = None
    models: Annotated[list[StoredModel], Field(max_length=MAX_NAMES)] | None = None
    """The trained models, once they are stored."""
    export: Annotated[Export | None, WrapValidator(_or_none)] = None
    """Result of the model exports, once they were tried."""
    signature: Sha256 | None = None
    """SHA-256 of signature.json, if it is stored, independent of the exports."""
    waiting: Waiting | None = None
    finish_after_epoch: Count | None = None
    stopped_after_epoch: Count | None = None
    peak_memory: Count | None = None
    """Peak memory of the container in bytes."""
    warnings: Annotated[
        Annotated[list[TrainingWarning], Field(max_length=MAX_WARNINGS)] | None, WrapValidator(_or_none)
    ] = None
    """Warnings, one for each reason. Invalid warnings, as from another version, do not invalidate the rest of the
    report."""

    @property
    def order(self) -> tuple[int, int]:
        """Sort key of a job's reports, by attempt and sequence: a later report has a greater key."""
        return self.attempt, self.sequence


class ReportResponse(TolerantModel):
    """The operator's response to a report. An operator of an earlier version omits newer fields."""

    message: str
    """The operator's answer as text: it has accepted the report, or why not."""
    report_after_seconds: Duration | None = None
    """Seconds until the next report if only the step has changed. They grow with the number of trainings."""
    epoch_after_seconds: Duration | None = None
    """Minimum seconds until the next report after another change, such as the end of an epoch."""
    finish: bool | None = None
    """Value of spec.finish: whether to finish early; None if the operator did not read it."""
    finish_after_epoch: Count | None = None
    """The epoch that was running or had ended, as far as known. The training does not finish before the end of this
    epoch, even if a later attempt must repeat it."""


class Position(TolerantModel):
    """Position in a training."""

    epoch: Count
    """Finished epochs."""
    step: Count
    """Finished steps of the running epoch."""


class Termination(TolerantModel):
    """A trainer's termination message.

    A running trainer writes a message with the reason UNFINISHED, in case it is killed. Such a message has the
    position of the training, but not the cause of its end.
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
        about the export, the test metrics and the other metrics, then the report. If the last report was not delivered,
        only this message names the results.
        """
        reports: list[Report] | list[None] = list(_shortened(self.report)) if self.report else [None, None]
        variants = [
            *((len(self.message), report) for report in reports[:2]),
            *((1024, report) for report in reports[1:]),
            (256, reports[-1]),
            (256, None),
        ]
        for length, report in variants:
            termination = self.model_copy(update={"message": self.message[:length], "report": report})
            text = termination.model_dump_json(exclude_none=True)
            if len(text.encode()) <= MAX_TERMINATION_BYTES:
                break
        return text


def _shortened(report: Report) -> Iterator[Report]:
    """Yield a report in shorter and shorter versions: first the complete report, last without most metrics.

    All versions have six significant digits of each metric, as the status has.
    """
    models = report.models and [model.model_copy(update={"test": _rounded(model.test)}) for model in report.models]
    report = report.model_copy(
        update={"metrics": _rounded(report.metrics), "test": _rounded(report.test), "models": models}
    )
    yield report
    displayed = {"loss", "val_loss", *([report.best.metric] if report.best else [])}
    for changes in (
        {"warnings": None},
        {"export": report.export and report.export.model_copy(update={"message": ""})},
        {"models": models and [model.model_copy(update={"test": None}) for model in models]},
        {"test": None},
        {"metrics": report.metrics and {name: report.metrics[name] for name in report.metrics if name in displayed}},
    ):
        report = report.model_copy(update=changes)
        yield report


def _rounded(values: Values | None) -> Values | None:
    return values and {name: float(f"{value:.6g}") for name, value in values.items()}


def decode_termination(text: str) -> Termination | None:
    """Return a trainer's termination message, or None for the text of another program or of a crash."""
    try:
        return Termination.model_validate_json(text)
    except ValidationError:
        return None
