"""Scenarios: what is done to a server while requests come, and what that may cost them."""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from tests.faults.serving.bed import Bed
from tests.kit.load import Asked

BEFORE_SECONDS, AFTER_SECONDS = 1, 2
Inject = Callable[[Bed], str]
"""Brings a fault about, sees what becomes of it, and takes it away again; returns what is to be told of it."""


@dataclass(frozen=True)
class Outcome:
    """What came of a fault.

    Args:
        name: The fault.
        asked: The requests that came meanwhile.
        told: What is to be told of it.
        wrong: What was not as it must be; empty if it was survived.
        trace: What else may help to find out why.
    """

    name: str
    asked: Sequence[Asked] = ()
    told: str = ""
    wrong: tuple[str, ...] = ()
    trace: str = ""


@dataclass(frozen=True)
class Scenario:
    """A fault that a server of two pods must survive.

    Args:
        name: What the table calls it.
        inject: Brings it about.
        lost: Most requests that may be lost once they were accepted.
        nobody: Whether requests may find nobody to accept them.
    """

    name: str
    inject: Inject
    lost: int = 0
    nobody: bool = False

    def make(self, bed: Bed) -> Outcome:
        """Makes it, and takes whatever goes wrong for what was wrong."""
        told, trace, wrong = "", "", []
        with bed.load() as load:
            time.sleep(BEFORE_SECONDS)
            try:
                told = self.inject(bed)
                bed.server.wait_ready(bed.source["sha256"])
            except Exception as error:  # noqa: BLE001 - a fault that is not survived is a result, too
                wrong.append(f"{type(error).__name__}: {error}".partition("\n")[0])
                trace = traceback.format_exc()
            time.sleep(AFTER_SECONDS)
        wrong += broken_promises(load.asked, lost=self.lost, nobody=self.nobody)
        return Outcome(self.name, tuple(load.asked), told, tuple(wrong), trace)


def broken_promises(asked: Sequence[Asked], *, lost: int = 0, nobody: bool = False) -> list[str]:
    """Returns what became of requests that must not, in words.

    Args:
        asked: The requests.
        lost: Most that may be lost once they were accepted.
        nobody: Whether some may find nobody to accept them.
    """
    wrong = []
    if len(found := lost_of(asked)) > lost:
        wrong.append(f"{len(found)} requests were lost, not {lost} at most: {_told(found)}")
    if hung := [one for one in found if TimeoutError.__name__ in one.error]:
        wrong.append(f"{len(hung)} requests were lost without a word: {_told(hung)}")
    if not nobody and (found := [one for one in asked if not one.accepted]):
        wrong.append(f"{len(found)} requests found nobody: {_told(found)}")
    if mixed := [one for one in asked if one.status == HTTPStatus.OK and not one.by]:
        wrong.append(f"{len(mixed)} answers are not the model's to what was asked")
    return wrong


def lost_of(asked: Sequence[Asked]) -> list[Asked]:
    """Returns the requests that were accepted, and not answered."""
    return [one for one in asked if one.accepted and one.status != HTTPStatus.OK]


def _told(asked: Sequence[Asked]) -> str:
    counts = Counter(one.error or str(one.status) for one in asked)
    return ", ".join(f"{count} × {what}" for what, count in counts.most_common(3))
