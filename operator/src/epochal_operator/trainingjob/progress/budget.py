"""The shared rate of all trainers' reports, and the delays that keep trainers within it."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Self

from cachetools import TTLCache
from epochal_api.trainingjob.report import INTERVAL_SECONDS, Report

from epochal_operator.web.rate_limit import Bucket

LONGEST_SECONDS = 300.0
"""Maximum seconds between two reports of a trainer, because users watch them and an alert waits for them."""
BURST_SECONDS = 2.0
"""Seconds of reports that may arrive at once. Half of this burst is reserved for news."""
LEAST_BURST = 4.0
TRAINERS = 50_000
"""Trainers whose last report is remembered. The next report of any other trainer counts as news."""


class Pace(NamedTuple):
    """The delays before a trainer's next reports.

    Args:
        steps: Seconds until a report of steps.
        news: Seconds until a report of an epoch's end or other news.
    """

    steps: float
    news: float = 0.0


class Told(NamedTuple):
    """The last report of a trainer.

    Args:
        at: Time of the report in seconds.
        epoch: Finished epochs.
        rest: Fields that rarely change: the attempt, the stage and the awaited cause.
    """

    at: float
    epoch: int
    rest: tuple[int, str, str | None]

    @classmethod
    def of(cls, report: Report, at: float) -> Self:
        """Return the relevant fields of a report."""
        waits_for = report.waiting.reason if report.waiting else None
        return cls(at, report.epoch, (report.attempt, report.stage, waits_for))

    def is_news(self, before: "Told") -> bool:
        """Return whether a report is more important than a report of steps only.

        The end of an epoch is, unless epochs are so short that each report would be news.
        """
        return self.rest != before.rest or (self.epoch > before.epoch and self.at - before.at >= INTERVAL_SECONDS)


class Budget:
    """Limits the rate of all trainers' reports. Reports of an epoch's end have priority over reports of steps.

    Args:
        per_second: Sustained reports per second.
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
        """Return whether a report is more important than a report of steps only.

        Args:
            trainer: UID of the trainer's pod.
            report: The report.
        """
        try:
            before = self._told[trainer]
        except KeyError:
            return True
        return Told.of(report, self._clock()).is_news(before)

    def take(self, *, news: bool) -> bool:
        """Return whether a report may be written, and count it if so."""
        bucket, wait = self._bucket.take(self._clock(), burst=self._burst, per_second=self._per_second)
        if wait or (bucket.tokens < self._burst / 2 - 1 and not news):
            return False
        self._bucket = bucket
        return True

    def wrote(self, trainer: str, report: Report) -> None:
        """Remember the last report of a trainer."""
        self._told[trainer] = Told.of(report, self._clock())

    def next(self) -> float:
        """Return the seconds until a trainer's next report of steps.

        Each trainer gets its own time slot, so the delay grows with the number of trainers.
        """
        now = self._clock()
        self._due = min(max(now, self._due) + 1 / self._per_second, now + LONGEST_SECONDS)
        return max(INTERVAL_SECONDS, self._due - now)
