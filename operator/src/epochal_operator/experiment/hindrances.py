"""What comes in the way while an Experiment is reconciled."""

from dataclasses import dataclass

from epochal_operator.experiment.reasons import StatusCause
from epochal_operator.runtime.errors import AdmissionFailed


@dataclass
class Hindrances:
    """What has come in the way in the course of one reconcile: the next one tries again.

    Args:
        hindered: What is in the way of all new TrainingJobs.
        unnoted: Whether the API server does not take the ledger.
        unreported: Whether the Job that writes the report cannot be made now.
        failure: What is to be tried again by the queue, later and later, once it is told.
        told: Whether the status was written, and is not as it was written.
    """

    hindered: StatusCause | None = None
    unnoted: bool = False
    unreported: bool = False
    failure: AdmissionFailed | None = None
    told: bool = False
