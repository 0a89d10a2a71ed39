"""The warnings of an attempt: in the log, in all later reports, and in the summary."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from epochal_api.trainingjob.report import TrainingWarning

log = logging.getLogger(__name__)


class Warnings:
    """Collects warnings, one for each reason.

    Args:
        report: Called with all warnings so far, whenever there is a new warning.
    """

    def __init__(self, report: Callable[[Sequence[TrainingWarning]], None]) -> None:
        self._report = report
        self._found: dict[str, TrainingWarning] = {}

    def take(self, decide: Callable[[], Iterable[TrainingWarning]]) -> None:
        """Run a check, and log and report its warnings. A reason that was reported before is skipped.

        Args:
            decide: Returns the warnings. An exception in it is logged and does not end the training.
        """
        try:
            found = list(decide())
        except Exception:
            log.warning("A check that only warns has failed, and the training goes on without it:", exc_info=True)
            return
        new = {one.reason: one for one in found if one.reason not in self._found}
        for one in new.values():
            log.warning("Warning, %s: %s", one.reason, one.message)
        if new:
            self._found |= new
            self._report(list(self._found.values()))

    def dump(self) -> list[dict[str, Any]]:
        """Return the warnings as dicts for the summary."""
        return [one.dump() for one in self._found.values()]
