"""Whether a training is to be finished early, as its operator has said last."""

import logging

from epochal_api.report import Answer

log = logging.getLogger(__name__)


class Finish:
    """What spec.finish says. It is told from the reporter's thread, and asked from the training's.

    Args:
        asked: What it says as long as no operator tells of it.
    """

    def __init__(self, *, asked: bool = False) -> None:
        self._told = asked, 0

    def tell(self, answer: Answer) -> None:
        """Takes what an operator says. One of an earlier version says nothing of it, and changes nothing."""
        if answer.finish is None:
            return
        (before, _), self._told = self._told, (answer.finish, answer.finish_after_epoch or 0)
        if answer.finish and not before:
            log.info("Asked to finish early (spec.finish): the training ends once the running epoch is finished.")
        elif before and not answer.finish:
            log.info("Not asked to finish early any more (spec.finish): the training goes on.")

    def after(self, epoch: int) -> int | None:
        """Returns the epoch to end after; None to train on.

        Args:
            epoch: The first that may be. It is a later one where an earlier attempt had come further.
        """
        asked, reached = self._told
        return max(epoch, reached) if asked else None
