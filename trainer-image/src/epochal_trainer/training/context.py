"""The TrainingJob of an attempt, and the objects of its run that all stages share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from epochal_api.trainingjob.spec import TrainingJob

from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.reporting.finish_request import FinishRequest
from epochal_trainer.reporting.reporter import Reporter
from epochal_trainer.reporting.timings import Timings
from epochal_trainer.storage import Bucket
from epochal_trainer.training.watchdog import Watchdog


@dataclass(frozen=True)
class Buckets:
    """The buckets of a training. `named` opens another bucket of the same storage."""

    data: Bucket
    results: Bucket
    named: Callable[[str], Bucket]


@dataclass(frozen=True)
class Context:
    """The TrainingJob of an attempt, and the objects of its run that all stages share.

    Args:
        job: The TrainingJob.
        scratch: Folder for files of this attempt.
        timings: Measures the duration of each stage.
        reporter: Sends the state to the operator. The state gets the number of the attempt later, from the bucket.
        pod: The uid of the pod.
    """

    job: TrainingJob
    scratch: Path
    termination_request: TerminationRequest
    timings: Timings
    reporter: Reporter
    watchdog: Watchdog
    finish: FinishRequest
    pod: str

    @property
    def keeps_best(self) -> bool:
        """Whether the weights of the best epoch are kept, for best.keras."""
        return self.job.spec.results.best and self.job.spec.training.epochs > 1
