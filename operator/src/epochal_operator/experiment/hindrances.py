"""What comes in the way while an Experiment is reconciled."""

from dataclasses import dataclass

from epochal_operator.experiment.reasons import StatusCause


@dataclass
class Hindrances:
    """What has come in the way in the course of one reconcile: the next one tries again.

    Args:
        hindered: What is in the way of all new TrainingJobs.
        unnoted: Whether the API server does not take the ledger.
        unreported: Whether the Job that writes the report cannot be made now.
        told: Whether the status was written, and is not as it was written.
    """

    hindered: StatusCause | None = None
    unnoted: bool = False
    unreported: bool = False
    told: bool = False
