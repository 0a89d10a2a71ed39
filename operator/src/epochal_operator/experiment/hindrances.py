"""Errors that block an Experiment until the next reconcile."""

from dataclasses import dataclass

from epochal_operator.experiment.observed import Observed, Wanted
from epochal_operator.experiment.reasons import StatusCause
from epochal_operator.runtime.reconciler import Attempt


@dataclass
class Hindrances(Attempt):
    """The errors of one reconcile; the next reconcile tries the failed actions again.

    Args:
        hindered: The cause that blocks all new TrainingJobs.
        unnoted: Whether the API server refuses the ledger.
        unreported: Whether the report Job cannot be created now.
        wanted: The parsed spec; None if the spec is invalid.
        observed: The observed state for which the actions were planned.
    """

    hindered: StatusCause | None = None
    unnoted: bool = False
    unreported: bool = False
    wanted: Wanted | None = None
    observed: Observed | None = None
