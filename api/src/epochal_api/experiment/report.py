"""The report of an Experiment, from which a Job writes its results files. An annotation of the pod contains it."""

import base64
import binascii
import json
import lzma
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from epochal_api.columns import from_columns, to_columns
from epochal_api.experiment.spec import MAX_NAME, trial_name
from epochal_api.kind import InvalidObject
from epochal_api.model import Count, TolerantModel, field_errors
from epochal_api.storage import Results, Storage
from epochal_api.text import PRINTABLE_PATTERN

MAX_TEXT = 128 * 1024
"""Maximum bytes of a report's text, enough for the longest ledger. An object may have 256 KiB of annotations."""
_MAX_JSON = 64 * 1024**2
"""Maximum bytes of the decompressed JSON, far more than any genuine report needs."""
_MAX_MEMORY = 16 * 1024**2
"""Memory limit of the decompressor in bytes, more than it needs."""
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 2**20}]
"""Compression with a dictionary of 1 MiB, which no report exceeds. A dictionary takes eleven times its size in memory,
and has 64 MiB by default."""

_Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
_Uid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$", max_length=64)]
_Line = Annotated[str, StringConstraints(pattern=PRINTABLE_PATTERN, max_length=256)]


_TRIALS = "trials"


class TrialFolder(TolerantModel):
    """The TrainingJob of one rung of a trial. It has its own results folder."""

    rung: Count
    """Rung of the TrainingJob, counted from 0."""
    uid: _Uid
    """UID of the TrainingJob."""


class ReportedRung(TolerantModel):
    """A rung that a trial has finished."""

    uid: _Uid | None = None
    """UID of the rung's TrainingJob; None if the TrainingJob was deleted before the operator observed its UID."""
    epoch: Count
    """Last epoch of the rung."""
    value: _Line | None = None
    """Value of the objective at the end of the rung."""
    value_epoch: Count | None = None
    """Epoch in which the objective had this value; None if unknown."""
    seconds: Count = 0
    """Duration of the rung in seconds."""


class ReportedTrial(TolerantModel):
    """A trial of the Experiment."""

    number: Count
    """Number of the trial. Trial 0 is the template without changes."""
    state: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]*$", max_length=63)]
    """State of the trial: Running, Paused, Complete, Failed or Diverged."""
    parameters: dict[_Line, _Line] = {}
    """Parameters of the trial."""
    rungs: list[ReportedRung] = []
    """The finished rungs."""
    failed: TrialFolder | None = None
    """The TrainingJob that failed or diverged and so ended the trial, if any."""
    freed: list[TrialFolder] = []
    """TrainingJobs whose checkpoints the Job may delete, because no rung continues from them."""

    @property
    def value(self) -> str | None:
        """Value of the objective after the last finished rung, if any."""
        return self.rungs[-1].value if self.rungs else None

    @property
    def finished(self) -> TrialFolder | None:
        """The TrainingJob of the last finished rung; None if its UID is missing."""
        uid = self.rungs[-1].uid if self.rungs else None
        return TrialFolder(rung=len(self.rungs) - 1, uid=uid) if uid is not None else None

    @property
    def last(self) -> TrialFolder | None:
        """The TrainingJob that failed or diverged, else the TrainingJob of the last finished rung, if any."""
        return self.failed or self.finished


class ReportedParameter(TolerantModel):
    """A parameter, with the data for the plots."""

    name: _Line
    """Name of the parameter."""
    log: bool = False
    """Whether the scale of the parameter is logarithmic."""
    values: list[_Line] | None = None
    """The possible values of the parameter; None for a range of numbers."""


class ExperimentReport(TolerantModel):
    """An Experiment and its trials."""

    namespace: _Label
    """Namespace of the Experiment."""
    name: Annotated[_Label, Field(max_length=MAX_NAME)]
    """Name of the Experiment."""
    uid: _Uid
    """UID of the Experiment."""
    storage: Storage
    """The S3 service of the results bucket."""
    results: Results
    """Location of the results of the Experiment and of its trials."""
    metric: _Line
    """Metric of the objective."""
    goal: Literal["Maximize", "Minimize"]
    """Whether the highest or the lowest value is the best."""
    axes: list[ReportedParameter] = []
    """The parameters of the search."""
    trials: list[ReportedTrial] = []
    """The trials in the order of their numbers."""
    omitted: Count = 0
    """Number of trials that `trials` lacks: invalid trials, and the worst if the report is too large for all."""
    importance: dict[_Line, _Line] = {}
    """Importance of each parameter, with a sum of 1, as far as known."""
    best: Count | None = None
    """Number of the trial with the best value."""
    job: dict[str, Any] | None = None
    """The manifest of a TrainingJob with the best parameters."""

    def trial_folder(self, trial: ReportedTrial, folder: TrialFolder) -> str:
        """Return the results folder of a trial's TrainingJob in the bucket, without a slash at its end.

        The path is always the folder of a trial of this Experiment, since no name or UID contains a slash.
        """
        job = trial_name(self.name, trial.number, folder.rung)
        return self.results.folder(namespace=self.namespace, name=job, uid=folder.uid)

    @property
    def folder(self) -> str:
        """The folder of the Experiment's own results in the bucket, without a slash at its end."""
        return self.results.folder(namespace=self.namespace, name=self.name, uid=self.uid)

    @property
    def maximize(self) -> bool:
        """Whether the highest value is the best."""
        return self.goal == "Maximize"


class InvalidReport(InvalidObject):
    """A report that cannot be parsed. The message is the cause, without control characters."""


def encode(report: ExperimentReport) -> str:
    """Return a report as text: JSON with its trials in columns, as xz and base64."""
    # Omit unset fields: an earlier trainer refuses fields of the storage that are unknown to it.
    content = report.model_dump(mode="json", exclude_unset=True)
    text = json.dumps(content | {_TRIALS: to_columns(content.get(_TRIALS, []))}, separators=(",", ":"))
    return base64.b64encode(lzma.compress(text.encode(), filters=_FILTERS)).decode()


def decode(text: str) -> ExperimentReport:
    """Return the report from the text of `encode`.

    Raises:
        InvalidReport: If the text is no valid report, or a name or UID in it contains a slash or other invalid
            characters.
    """
    try:
        reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MAX_MEMORY)
        content = json.loads(reader.decompress(base64.b64decode(text, validate=True), _MAX_JSON))
        if isinstance(content, dict):
            content[_TRIALS] = from_columns(content.get(_TRIALS, []))
        return ExperimentReport.model_validate(content)
    except ValidationError as error:
        raise InvalidReport(field_errors(error)[0]) from None
    except (binascii.Error, lzma.LZMAError, ValueError, RecursionError) as error:
        raise InvalidReport(f"must be JSON in xz and base64: {error}") from None
