"""The operator's latest request to finish a training early (spec.finish)."""

import logging

from epochal_api.trainingjob.report import ReportResponse

log = logging.getLogger(__name__)


class Finish:
    """The current value of spec.finish. The reporter's thread sets it, and the training's thread reads it.

    Args:
        asked: The value until an operator's answer contains one.
    """

    def __init__(self, *, asked: bool = False) -> None:
        self._told = asked, 0

    def tell(self, answer: ReportResponse) -> None:
        """Update the request from an operator's answer. An earlier version's answer, without the field, is ignored."""
        if answer.finish is None:
            return
        (before, _), self._told = self._told, (answer.finish, answer.finish_after_epoch or 0)
        if answer.finish and not before:
            log.info("Asked to finish early (spec.finish): the training ends once the running epoch is finished.")
        elif before and not answer.finish:
            log.info("Not asked to finish early any more (spec.finish): the training goes on.")

    def after(self, epoch: int) -> int | None:
        """Return the epoch to end after, or None to train all epochs.

        Args:
            epoch: The first epoch that may be the last. The result is later if an earlier attempt had reached a later
                epoch.
        """
        asked, reached = self._told
        return max(epoch, reached) if asked else None
