"""Answers about the results of runs: trials, curves, files and comparisons."""

from typing import Literal

from epochal_api.model import Model

from epochal_studio.wire.common import Finite, Problem, RunKey

MAX_RUNS_COMPARED = 200
MAX_POINTS = 2000
"""Maximum points of a curve in one answer. A longer curve is thinned."""
MAX_METRICS = 100
"""Maximum metrics of a history in one answer. Further metrics are left out."""
MAX_FIELDS = 500
"""Maximum number of differing fields, and of figures, in a comparison. Others are left out."""


class Trials(Model):
    """The trials of an Experiment as a table."""

    columns: list[str]
    """Names of the columns: as in trials.csv; for trials of the status number, parameters, value, epoch, job, uri."""
    rows: list[list[str]]
    is_complete: bool
    """Whether `rows` has all trials. While an Experiment runs, `rows` has only the best trials from its status."""


class Curve(Model):
    """The values of a metric by epoch."""

    name: str
    epochs: list[int]
    values: list[Finite]


class History(Model):
    """The metric curves of a TrainingJob."""

    curves: list[Curve]
    epochs: int
    """Number of finished epochs."""
    is_thinned: bool
    """Whether points are left out: each part of a curve keeps its minimum and maximum."""
    omitted_metrics: int
    """Number of metrics above MAX_METRICS, which are left out."""
    source: Literal["bucket", "status", "none"]
    """Source of the values: `bucket` has all epochs, `status` has only the last epoch, and `none` has no values."""
    problem: Problem | None = None
    """Why the bucket was not read, or only in part."""


class StoredFile(Model):
    """A file of the results."""

    path: str
    size: int
    description: str
    """Content of the file in a few words, such as `model of the best epoch`; empty for an unknown file."""


class Files(Model):
    """The files in the results folder of a run."""

    uri: str
    files: list[StoredFile]
    """The files, at most 1,000."""
    is_complete: bool


class ComparedRun(Model):
    """A run in a comparison."""

    key: RunKey
    state: str
    is_best: bool
    fields: dict[str, str | None]
    figures: dict[str, str | None]
    is_cut: bool = False
    """Whether the spec of this run has more fields than the comparison reads."""


class Comparison(Model):
    """A comparison of runs: the fields of their specs that differ, and the figures of their results."""

    runs: list[ComparedRun]
    fields: list[str]
    """Paths of the fields that differ: at most MAX_FIELDS."""
    figures: list[str]
    omitted_fields: int = 0
    """Number of differing fields that are left out, above MAX_FIELDS or the maximum size of an answer."""
