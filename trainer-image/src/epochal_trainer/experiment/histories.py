"""Reads the objective's value by epoch of each trial from the history.csv files in the bucket."""

import csv
import io
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from epochal_api.experiment.report import ExperimentReport, ReportedTrial

from epochal_trainer.experiment.values import number
from epochal_trainer.lib.failures import Failure
from epochal_trainer.reporting.history import reported_name
from epochal_trainer.reporting.results import HISTORY
from epochal_trainer.storage import Bucket
from epochal_trainer.storage.failures import OBJECT_REASONS

MAX_TRIALS = 300
"""Maximum number of trials whose histories are read: more curves in a plot are indistinguishable."""
MAX_POINTS = 500
"""Maximum number of points of each history: a plot has not many more pixels in a row."""
CONNECTIONS = 8

Points = tuple[tuple[int, float], ...]
"""Pairs of epoch and value of the metric, without epochs that have no value."""


@dataclass(frozen=True)
class Histories:
    """The learning curves of an Experiment's trials.

    Args:
        points: The points of each trial whose history was read, by trial number.
        missing: A line for each trial whose history could not be read, with the cause.
        omitted: Number of further trials whose histories were not read because of `max_trials`.
    """

    points: dict[int, Points]
    missing: tuple[str, ...] = ()
    omitted: int = 0


def read(report: ExperimentReport, bucket: Bucket, max_trials: int = MAX_TRIALS) -> Histories:
    """Read the histories of at most `max_trials` trials: those with the most epochs, and of equal trials the best.

    Args:
        report: The Experiment.
        bucket: The bucket with the results of the trials.
        max_trials: Maximum number of trials.

    Raises:
        Failure: If the storage does not respond, or denies access. A missing object is reported in `missing`.
    """
    trials = by_progress(report)
    chosen = sorted(trials[:max_trials], key=lambda trial: trial.number)

    def read_trial(trial: ReportedTrial) -> Points | str:
        if (finished := trial.finished) is None:
            return "the TrainingJob of the trial was deleted before the operator recorded its results"
        key = f"{report.trial_folder(trial, finished)}/{HISTORY}"
        try:
            return parse(bucket.get(key), report.metric)
        except Failure as failure:
            if failure.reason not in OBJECT_REASONS:
                raise
            return failure.message
        except (ValueError, csv.Error) as error:
            return f"{bucket.uri(key)} is not a valid history: {error}"

    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="history") as pool:
        found = list(zip(chosen, pool.map(read_trial, chosen), strict=True))
    return Histories(
        points={trial.number: points for trial, points in found if not isinstance(points, str)},
        missing=tuple(f"trial {trial.number}: {cause}" for trial, cause in found if isinstance(cause, str)),
        omitted=len(trials) - len(chosen),
    )


def by_progress(report: ExperimentReport) -> list[ReportedTrial]:
    """Return the trials that have finished a rung, most epochs first. Of equal numbers, the best trial is first."""

    def rank(trial: ReportedTrial) -> tuple[int, float, int]:
        value = number(trial.value)
        sort_value = math.inf if value is None else -value if report.maximize else value
        return -trial.rungs[-1].epoch, sort_value, trial.number

    return sorted((trial for trial in report.trials if trial.rungs), key=rank)


def parse(content: bytes, metric: str) -> Points:
    """Return epochs and values of a metric from the content of a history.csv.

    Of more than MAX_POINTS values, only every second, third, … value is returned, always with the last value.

    Raises:
        ValueError: If the content is not a history, or lacks the metric.
    """
    rows = csv.reader(io.StringIO(content.decode()))
    names = next(rows, [])
    column = next((index for index, name in enumerate(names) if metric in (name, reported_name(name))), None)
    if column is None or names[0] != "epoch":
        found = ", ".join(names)[:200] or "none"
        raise ValueError(f"expected the columns epoch and {metric}, found the columns {found}")
    values = ((int(row[0]), number(row[column])) for row in rows if len(row) > column)
    points = tuple((epoch, value) for epoch, value in values if value is not None)
    step = -(-len(points) // MAX_POINTS) or 1
    return points[::-step][::-1]
