"""Collects the warnings of an attempt for the log, all later reports, and summary.json."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from epochal_api.trainingjob.report import TrainingWarning
from epochal_api.trainingjob.status import MAX_WARNINGS

log = logging.getLogger(__name__)


class Warnings:
    """Collects warnings, only the first for each reason.

    Args:
        report: Called with all warnings so far, at most MAX_WARNINGS, whenever there is a new warning.
    """

    def __init__(self, report: Callable[[Sequence[TrainingWarning]], None]) -> None:
        self._report = report
        self._found: dict[str, TrainingWarning] = {}

    def run_check(self, check: Callable[[], Iterable[TrainingWarning]]) -> None:
        """Run a check, and log and report its warnings. A warning is skipped if its reason was already reported.

        Args:
            check: Returns the warnings. An exception in it is logged and does not end the training.
        """
        try:
            found = list(check())
        except Exception:
            log.warning("An optional check failed, and the training continues without it:", exc_info=True)
            return
        new = {warning.reason: warning for warning in found if warning.reason not in self._found}
        for warning in new.values():
            log.warning("Warning, %s: %s", warning.reason, warning.message)
        if new:
            self._found |= new
            # The operator refuses a longer list. The log and the summary have all warnings.
            self._report(list(self._found.values())[:MAX_WARNINGS])

    def dump(self) -> list[dict[str, Any]]:
        """Return all warnings as dicts for summary.json."""
        return [warning.dump() for warning in self._found.values()]
