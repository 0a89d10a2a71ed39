"""What is reported of an Experiment: the operator writes it into an annotation, and a Job from there into a bucket."""

import base64
import binascii
import json
import lzma
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from epochal_api.columns import columns, rows
from epochal_api.experiment import MAX_NAME, trial_name
from epochal_api.kind import InvalidObject
from epochal_api.model import Model
from epochal_api.storage import Results, Storage
from epochal_api.text import PRINTABLE_PATTERN

MAX_TEXT = 128 * 1024
"""Bytes of a report as text, more than the longest ledger makes it: an object's annotations hold 256 KiB in all."""
_MAX_JSON = 64 * 1024**2
"""Bytes of its JSON, many more than fit in such a text unless somebody means harm."""
_MAX_MEMORY = 16 * 1024**2
"""Bytes that it takes to decompress it, and more."""
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 2**20}]
"""A report is no longer than this, and a dictionary takes eleven times as much memory, and 64 MiB if none is given."""

_Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
_Uid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$", max_length=64)]
_Line = Annotated[str, StringConstraints(pattern=PRINTABLE_PATTERN, max_length=256)]
_Count = Annotated[int, Field(ge=0, le=2**53)]


_TRIALS = "trials"


class ReportModel(Model):
    """A part of a report. What a newer operator adds is passed over: a template may name an image of any version."""

    model_config = ConfigDict(extra="ignore")


class Folder(ReportModel):
    """A TrainingJob of a trial, whose results lie in a folder of their own."""

    rung: _Count
    """Its rung, counted from 0."""
    uid: _Uid
    """Its uid."""


class ReportedRung(ReportModel):
    """A rung that a trial has finished."""

    uid: _Uid | None = None
    """Uid of its TrainingJob; None if that was gone before it was known."""
    epoch: _Count
    """Its last epoch."""
    value: _Line | None = None
    """What the trial was worth by then."""
    seconds: _Count = 0
    """How long it took."""


class ReportedTrial(ReportModel):
    """A trial."""

    number: _Count
    """Its number. Trial 0 is the template as it is written."""
    state: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]*$", max_length=63)]
    """What becomes of it: Running, Paused, Complete, Failed or Diverged."""
    parameters: dict[_Line, _Line] = {}
    """What was tried."""
    rungs: list[ReportedRung] = []
    """The rungs that it has finished."""
    failed: Folder | None = None
    """Where it has failed."""
    freed: list[Folder] = []
    """Whose checkpoints nobody needs any more."""

    @property
    def value(self) -> str | None:
        """What it is worth."""
        return self.rungs[-1].value if self.rungs else None

    @property
    def finished(self) -> Folder | None:
        """Where the results of the last rung lie that it has finished, if that is known."""
        uid = self.rungs[-1].uid if self.rungs else None
        return Folder(rung=len(self.rungs) - 1, uid=uid) if uid is not None else None

    @property
    def last(self) -> Folder | None:
        """Where its latest results lie."""
        return self.failed or self.finished


class Axis(ReportModel):
    """A parameter, as far as it matters to who draws it."""

    name: _Line
    """Its name."""
    log: bool = False
    """Whether it is its logarithm that is spread evenly."""
    values: list[_Line] | None = None
    """What it may be; None if it is a number."""


class ExperimentReport(ReportModel):
    """An Experiment and its trials."""

    namespace: _Label
    """Namespace of the Experiment."""
    name: Annotated[_Label, Field(max_length=MAX_NAME)]
    """Its name."""
    uid: _Uid
    """Its uid."""
    storage: Storage
    """Where its buckets are."""
    results: Results
    """Where its results go, and those of its trials."""
    metric: _Line
    """What trials are judged by."""
    goal: Literal["Maximize", "Minimize"]
    """Whether the highest value is the best, or the lowest."""
    axes: list[Axis] = []
    """Its parameters."""
    trials: list[ReportedTrial] = []
    """Its trials by their numbers."""
    omitted: _Count = 0
    """Trials that are not told of: the worst, where there is no room for all."""
    importance: dict[_Line, _Line] = {}
    """How much each parameter matters, of 1 in all, as far as that is known."""
    best: _Count | None = None
    """The trial with the best value."""
    job: dict[str, Any] | None = None
    """A TrainingJob with the best parameters."""

    def trial_folder(self, trial: ReportedTrial, folder: Folder) -> str:
        """Returns the folder of the results of a trial's TrainingJob in the bucket, without a slash at its end.

        Nothing else is named than what is the Experiment's own.

        Args:
            trial: The trial.
            folder: Its TrainingJob.
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
    """A report that cannot be read; the message says why, and can be shown as it is."""


def encode(report: ExperimentReport) -> str:
    """Returns a report as text: JSON with its trials in columns, in xz and base64.

    Args:
        report: The report.
    """
    # Without what nobody set: an earlier trainer refuses fields of the storage that it does not know.
    content = report.model_dump(mode="json", exclude_unset=True)
    text = json.dumps(content | {_TRIALS: columns(content.get(_TRIALS, []))}, separators=(",", ":"))
    return base64.b64encode(lzma.compress(text.encode(), filters=_FILTERS)).decode()


def decode(text: str) -> ExperimentReport:
    """Returns the report that a text holds.

    Args:
        text: The report as text.

    Raises:
        InvalidReport: If it holds none, or one that is about more than its own Experiment.
    """
    try:
        reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MAX_MEMORY)
        content = json.loads(reader.decompress(base64.b64decode(text, validate=True), _MAX_JSON))
        if isinstance(content, dict):
            content[_TRIALS] = rows(content.get(_TRIALS, []))
        return ExperimentReport.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidReport(f"{where or 'report'}: {first['msg'].removeprefix('Value error, ')}") from None
    except (binascii.Error, lzma.LZMAError, ValueError, RecursionError) as error:
        raise InvalidReport(f"must be JSON in xz and base64: {error}") from None
