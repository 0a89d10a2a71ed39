"""The histories of trials by epoch, read from the bucket."""

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
from epochal_trainer.storage.faults import OBJECT_REASONS

MOST = 300
"""Maximum number of trials whose histories are read: more lines in a figure are indistinguishable."""
MOST_POINTS = 500
"""Maximum number of points of each history.

A figure has few more columns of pixels, and thousands of epochs would fill the memory."""
CONNECTIONS = 8

Points = tuple[tuple[int, float], ...]
"""Pairs of epoch and value, for the epochs that have a value."""


@dataclass(frozen=True)
class Histories:
    """The histories of an Experiment's trials.

    Args:
        points: The points of each trial, by its number.
        missing: Why other trials have no points, with a line for each.
        left_out: Number of trials whose histories were not read because of the limit.
    """

    points: dict[int, Points]
    missing: tuple[str, ...] = ()
    left_out: int = 0


def read(report: ExperimentReport, bucket: Bucket, most: int = MOST) -> Histories:
    """Return the histories of the trials with the most epochs, and of these the best.

    Args:
        report: The Experiment.
        bucket: Holds the results of its trials.
        most: Maximum number of histories.

    Raises:
        Failure: If the bucket does not answer, or denies access.
    """
    trials = furthest(report)
    chosen = sorted(trials[:most], key=lambda trial: trial.number)

    def one(trial: ReportedTrial) -> Points | str:
        if (finished := trial.finished) is None:
            return "its TrainingJob was gone before it was known"
        key = f"{report.trial_folder(trial, finished)}/{HISTORY}"
        try:
            return parse(bucket.get(key), report.metric)
        except Failure as failure:
            if failure.reason not in OBJECT_REASONS:
                raise
            return failure.message
        except (ValueError, csv.Error) as error:
            return f"{bucket.uri(key)} is no history: {error}"

    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="history") as pool:
        found = list(zip(chosen, pool.map(one, chosen), strict=True))
    return Histories(
        points={trial.number: points for trial, points in found if not isinstance(points, str)},
        missing=tuple(f"trial {trial.number}: {why}" for trial, why in found if isinstance(why, str)),
        left_out=len(trials) - len(chosen),
    )


def furthest(report: ExperimentReport) -> list[ReportedTrial]:
    """Return the trials that have finished a rung, with the most epochs first, and of equal ones the best first.

    Args:
        report: The Experiment.
    """

    def rank(trial: ReportedTrial) -> tuple[int, float, int]:
        value = number(trial.value)
        worth = math.inf if value is None else -value if report.maximize else value
        return -trial.rungs[-1].epoch, worth, trial.number

    return sorted((trial for trial in report.trials if trial.rungs), key=rank)


def parse(content: bytes, metric: str) -> Points:
    """Return the values of a metric in a history, thinned evenly to at most MOST_POINTS, with the last epoch.

    Args:
        content: The history as CSV.
        metric: The metric, by its name in the status.

    Raises:
        ValueError: If the content is not a history, or lacks the metric.
    """
    rows = csv.reader(io.StringIO(content.decode()))
    names = next(rows, [])
    column = next((index for index, name in enumerate(names) if metric in (name, reported_name(name))), None)
    if column is None or names[0] != "epoch":
        raise ValueError(f"it must have the columns epoch and {metric}, found {', '.join(names)[:200] or 'none'}")
    values = ((int(row[0]), number(row[column])) for row in rows if len(row) > column)
    points = tuple((epoch, value) for epoch, value in values if value is not None)
    step = -(-len(points) // MOST_POINTS) or 1
    return points[::-step][::-1]
