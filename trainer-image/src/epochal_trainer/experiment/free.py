"""Deletes checkpoints that nobody needs any more: of trials that did not win."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from epochal_api.experiment_report import ExperimentReport

from epochal_trainer.lib.failures import Failure
from epochal_trainer.reporting.results import CHECKPOINTS
from epochal_trainer.storage import Bucket

CONNECTIONS = 8


class Freed(NamedTuple):
    """What was deleted.

    Args:
        objects: How many objects.
        refusal: What was in the way of the rest, if anything.
    """

    objects: int
    refusal: str | None = None


def free(report: ExperimentReport, bucket: Bucket) -> Freed:
    """Deletes the checkpoints that a report gives up, and nothing else.

    Most are gone since a report before: of 1,000 trials as many folders are looked into. Where they cannot be deleted,
    they stay: that costs room, and no more.

    Args:
        report: The Experiment. It names none but TrainingJobs of its own trials.
        bucket: Holds their results.
    """
    objects = 0
    try:
        with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="free") as pool:
            keys = [key for found in pool.map(bucket.keys, prefixes(report)) for key in found]
            for _ in pool.map(bucket.delete, keys):
                objects += 1
    except Failure as failure:
        return Freed(objects, failure.message)
    return Freed(objects)


def prefixes(report: ExperimentReport) -> list[str]:
    """Returns what the keys of the checkpoints begin with that a report gives up, each with a slash at its end.

    Args:
        report: The Experiment.
    """
    return [f"{report.trial_folder(trial, folder)}/{CHECKPOINTS}/" for trial in report.trials for folder in trial.freed]
