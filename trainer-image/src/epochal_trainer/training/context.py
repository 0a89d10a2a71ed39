"""The TrainingJob of an attempt, and the objects of its run that all stages share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from epochal_api.trainingjob.spec import TrainingJob

from epochal_trainer.lib.signals import Stopping
from epochal_trainer.reporting.finish import Finish
from epochal_trainer.reporting.reporter import Reporter
from epochal_trainer.reporting.stages import Stages
from epochal_trainer.storage import Bucket
from epochal_trainer.training.watchdog import Watchdog


@dataclass(frozen=True)
class Buckets:
    """The buckets of a training.

    Args:
        data: Holds the data.
        results: Takes the results.
        named: Opens another bucket of the same storage, by its name.
    """

    data: Bucket
    results: Bucket
    named: Callable[[str], Bucket]


@dataclass(frozen=True)
class Context:
    """The TrainingJob of an attempt, and the objects of its run that all stages share.

    Args:
        job: The TrainingJob.
        scratch: Folder for files of this attempt.
        stopping: Holds the request to stop, and its time.
        stages: Measures the duration of each stage.
        reporter: Sends the state to the operator. Its state has no attempt yet.
        watchdog: Called at each step.
        finish: Holds the request to finish early.
        pod: The uid of the pod.
    """

    job: TrainingJob
    scratch: Path
    stopping: Stopping
    stages: Stages
    reporter: Reporter
    watchdog: Watchdog
    finish: Finish
    pod: str

    @property
    def keeps_best(self) -> bool:
        """Whether the weights of the best epoch are kept, for best.keras."""
        return self.job.spec.results.best and self.job.spec.training.epochs > 1
