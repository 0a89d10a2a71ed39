"""Errors that block an Experiment until the next reconcile."""

from dataclasses import dataclass

from epochal_operator.experiment.reasons import StatusCause
from epochal_operator.runtime.api.errors import AdmissionFailed


@dataclass
class Hindrances:
    """The errors of one reconcile; the next reconcile tries the failed actions again.

    Args:
        hindered: The cause that blocks all new TrainingJobs.
        unnoted: Whether the API server refuses the ledger.
        unreported: Whether the report Job cannot be created now.
        failure: The webhook error that the work queue retries with a growing delay, once the status reports it.
        told: Whether the API server returned another status than the one that was written.
    """

    hindered: StatusCause | None = None
    unnoted: bool = False
    unreported: bool = False
    failure: AdmissionFailed | None = None
    told: bool = False
