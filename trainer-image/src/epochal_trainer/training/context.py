"""The objects of an attempt that all of its stages share, such as TrainingJob, buckets and reporter."""

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
    """The data bucket and results bucket of a training. `named` opens another bucket of the same storage by name."""

    data: Bucket
    results: Bucket
    named: Callable[[str], Bucket]


@dataclass(frozen=True)
class Context:
    """The TrainingJob of an attempt, and the objects of its run that all stages share.

    Args:
        job: The TrainingJob.
        scratch: Local folder for files of this attempt.
        termination_request: Whether and when a signal asked the trainer to stop.
        timings: Measures the duration of each stage.
        reporter: Sends the state to the operator. The attempt's number is added when it is known from the bucket.
        watchdog: Ends the process if the training hangs.
        finish: The current value of spec.finish.
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
        """Whether the best epoch's weights are kept for best.keras: spec.results.best, with more than one epoch."""
        return self.job.spec.results.best and self.job.spec.training.epochs > 1
