"""The operator's latest request to finish a training early (spec.finish)."""

import logging

from epochal_api.trainingjob.report import ReportResponse

log = logging.getLogger(__name__)


class FinishRequest:
    """The current value of spec.finish. The reporter's thread sets it, and the training's thread reads it.

    Args:
        requested: The value until an operator's answer contains one.
    """

    def __init__(self, *, requested: bool = False) -> None:
        self._state = requested, 0

    def update(self, answer: ReportResponse) -> None:
        """Update the request from an operator's answer. An earlier version's answer, without the field, is ignored."""
        if answer.finish is None:
            return
        (before, _), self._state = self._state, (answer.finish, answer.finish_after_epoch or 0)
        if answer.finish and not before:
            log.info("spec.finish is true: the training ends after the running epoch.")
        elif before and not answer.finish:
            log.info("spec.finish is false again: the training continues.")

    def last_epoch(self, epoch: int) -> int | None:
        """Return the epoch to end after, or None to train all epochs.

        Args:
            epoch: The first epoch that may be the last. The result is later if an earlier attempt had reached a later
                epoch.
        """
        requested, reached_epoch = self._state
        return max(epoch, reached_epoch) if requested else None
