"""Scenarios: a fault of a server while requests come, and its allowed cost."""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from tests.faults.serving.bed import Bed
from tests.kit.load import SentRequest

BEFORE_SECONDS, AFTER_SECONDS = 1, 2
Inject = Callable[[Bed], str]
"""Injects a fault, observes its effect and removes it; returns notes."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a fault: the requests meanwhile, notes, broken promises, and a traceback."""

    name: str
    asked: Sequence[SentRequest] = ()
    notes: str = ""
    wrong: tuple[str, ...] = ()
    trace: str = ""


@dataclass(frozen=True)
class Scenario:
    """A fault that a server of two pods must survive, and the number of accepted requests that may be lost."""

    name: str
    inject: Inject
    lost: int = 0
    nobody: bool = False

    def make(self, bed: Bed) -> Outcome:
        """Runs the scenario; an exception becomes an outcome."""
        notes, trace, wrong = "", "", []
        with bed.load() as load:
            time.sleep(BEFORE_SECONDS)
            try:
                notes = self.inject(bed)
                bed.server.wait_ready(bed.source["sha256"])
            except Exception as error:  # noqa: BLE001 - a fault that is not survived is a result, too
                wrong.append(f"{type(error).__name__}: {error}".partition("\n")[0])
                trace = traceback.format_exc()
            time.sleep(AFTER_SECONDS)
        wrong += broken_promises(load.asked, lost=self.lost, nobody=self.nobody)
        return Outcome(self.name, tuple(load.asked), notes, tuple(wrong), trace)


def broken_promises(asked: Sequence[SentRequest], *, lost: int = 0, nobody: bool = False) -> list[str]:
    """Returns the broken promises: more lost requests than allowed, or refused connections."""
    wrong = []
    if len(found := lost_of(asked)) > lost:
        wrong.append(f"{len(found)} requests were lost, not {lost} at most: {statuses_of(found)}")
    if hung := [item for item in found if TimeoutError.__name__ in item.error]:
        wrong.append(f"{len(hung)} requests were lost without a word: {statuses_of(hung)}")
    if not nobody and (found := [request for request in asked if not request.accepted]):
        wrong.append(f"{len(found)} requests found nobody: {statuses_of(found)}")
    if mixed := [request for request in asked if request.status == HTTPStatus.OK and not request.by]:
        wrong.append(f"{len(mixed)} answers are not the model's to what was asked")
    return wrong


def lost_of(asked: Sequence[SentRequest]) -> list[SentRequest]:
    return [request for request in asked if request.accepted and request.status != HTTPStatus.OK]


def statuses_of(asked: Sequence[SentRequest]) -> str:
    counts = Counter(request.error or str(request.status) for request in asked)
    return ", ".join(f"{count} × {what}" for what, count in counts.most_common(3))
