"""The operator's latest request to finish a training early (spec.finish)."""

import logging

from epochal_api.trainingjob.report import ReportResponse

log = logging.getLogger(__name__)


class FinishRequest:
    """The current value of spec.finish. The reporter's thread sets it, and the training's thread reads it.

    Args:
        requested: The value of spec.finish until an answer of the operator contains a newer value.
    """

    def __init__(self, *, requested: bool = False) -> None:
        self._state = requested, 0

    def update(self, answer: ReportResponse) -> None:
        """Update spec.finish from the operator's answer to a report. An older operator's answer lacks the field."""
        if answer.finish is None:
            return
        (before, _), self._state = self._state, (answer.finish, answer.finish_after_epoch or 0)
        if answer.finish and not before:
            log.info("spec.finish is true: the training ends after the running epoch.")
        elif before and not answer.finish:
            log.info("spec.finish is false again: the training continues.")

    def last_epoch(self, epoch: int) -> int | None:
        """Return the epoch after which the training ends early, or None if spec.finish is not true.

        Args:
            epoch: The first epoch that may be the last. The result is a later epoch if the operator's answer names a
                later epoch, which an earlier attempt had reached.
        """
        requested, reached_epoch = self._state
        return max(epoch, reached_epoch) if requested else None
