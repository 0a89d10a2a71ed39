"""Deletes the checkpoints of trials that are no longer needed, because another trial is better."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from epochal_api.experiment_report import ExperimentReport

from epochal_trainer.lib.failures import Failure
from epochal_trainer.reporting.results import CHECKPOINTS
from epochal_trainer.storage import Bucket

CONNECTIONS = 8


class Freed(NamedTuple):
    """The result of a deletion.

    Args:
        objects: Number of deleted objects.
        refusal: The error that ended the deletion, if there was one.
    """

    objects: int
    refusal: str | None = None


def free(report: ExperimentReport, bucket: Bucket) -> Freed:
    """Delete the checkpoints that a report lists as freed, and no other objects.

    Earlier reports have deleted most of them already: with 1,000 trials, 1,000 folders are listed. Checkpoints that
    cannot be deleted stay. They only take space.

    Args:
        report: The Experiment. It lists only TrainingJobs of its own trials.
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
    """Return the key prefixes of the checkpoints that a report lists as freed, each with a slash at its end.

    Args:
        report: The Experiment.
    """
    return [f"{report.trial_folder(trial, folder)}/{CHECKPOINTS}/" for trial in report.trials for folder in trial.freed]
