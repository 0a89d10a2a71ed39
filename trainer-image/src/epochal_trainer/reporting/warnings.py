"""The warnings of an attempt: in the log, in each report from then on, in the summary."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from epochal_api.report import Warned

log = logging.getLogger(__name__)


class Warnings:
    """Takes warnings, one of each reason.

    Args:
        report: Takes all of them so far, whenever there is a new one.
    """

    def __init__(self, report: Callable[[Sequence[Warned]], None]) -> None:
        self._report = report
        self._found: dict[str, Warned] = {}

    def take(self, decide: Callable[[], Iterable[Warned]]) -> None:
        """Warns of what is found, unless that was done before.

        Args:
            decide: Returns what is to be warned of. Nothing that goes wrong in it ends the training.
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
        """Returns them for the summary."""
        return [one.dump() for one in self._found.values()]
