"""How many reports all trainers may send together, and what each is told so that they keep to it."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Self

from cachetools import TTLCache
from epochal_api.report import INTERVAL_SECONDS, Report

from epochal_operator.runtime.rate import Bucket

LONGEST_SECONDS = 300.0
"""The longest time between two reports of one trainer: people watch, and an alert waits for them."""
BURST_SECONDS = 2.0
"""Reports of so many seconds are taken at once; half of them are kept for what is news."""
LEAST_BURST = 4.0
TRAINERS = 50_000
"""Trainers of which the last report is kept in mind; of any other, the next is taken for news."""


class Pace(NamedTuple):
    """How soon a trainer is to report again.

    Args:
        steps: Seconds until it tells of steps.
        news: Seconds until it tells of an epoch's end, or of whatever else is new.
    """

    steps: float
    news: float = 0.0


class Told(NamedTuple):
    """What a trainer told last.

    Args:
        at: When, in seconds.
        epoch: Its finished epochs.
        rest: What else changes seldom: its attempt, its stage, what it waits for.
    """

    at: float
    epoch: int
    rest: tuple[int, str, str | None]

    @classmethod
    def of(cls, report: Report, at: float) -> Self:
        """Returns what a report tells."""
        waits_for = report.waiting.reason if report.waiting else None
        return cls(at, report.epoch, (report.attempt, report.stage, waits_for))

    def is_news(self, before: "Told") -> bool:
        """Returns whether it is worth more than a report of mere steps.

        The end of an epoch is, unless epochs are so short that each report would be: then none is.
        """
        return self.rest != before.rest or (self.epoch > before.epoch and self.at - before.at >= INTERVAL_SECONDS)


class Budget:
    """Keeps the reports of all trainers under a rate. The end of an epoch comes first, steps wait.

    Args:
        per_second: Reports that are taken per second in the long run.
        clock: Returns the time in seconds.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._burst = max(LEAST_BURST, BURST_SECONDS * per_second)
        self._bucket = Bucket(self._burst, clock())
        self._due = clock()
        self._told: TTLCache[str, Told, float] = TTLCache(TRAINERS, 2 * LONGEST_SECONDS, clock)

    def is_news(self, trainer: str, report: Report) -> bool:
        """Returns whether a report is worth more than one of mere steps.

        Args:
            trainer: Uid of the trainer's pod.
            report: The report.
        """
        try:
            before = self._told[trainer]
        except KeyError:
            return True
        return Told.of(report, self._clock()).is_news(before)

    def take(self, *, news: bool) -> bool:
        """Returns whether a report may be written, which is then counted."""
        bucket, wait = self._bucket.take(self._clock(), burst=self._burst, per_second=self._per_second)
        if wait or (bucket.tokens < self._burst / 2 - 1 and not news):
            return False
        self._bucket = bucket
        return True

    def wrote(self, trainer: str, report: Report) -> None:
        """Keeps in mind what a trainer has told."""
        self._told[trainer] = Told.of(report, self._clock())

    def next(self) -> float:
        """Returns in how many seconds a trainer is to report its steps again.

        Each one gets a time of its own: with more of them, it is further away.
        """
        now = self._clock()
        self._due = min(max(now, self._due) + 1 / self._per_second, now + LONGEST_SECONDS)
        return max(INTERVAL_SECONDS, self._due - now)
