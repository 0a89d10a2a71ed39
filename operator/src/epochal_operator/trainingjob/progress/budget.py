"""The limit for the rate of all trainers' reports together, and the delays that keep trainers below it."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Self

from cachetools import TTLCache
from epochal_api.trainingjob.report import INTERVAL_SECONDS, Report

from epochal_operator.web.rate_limit import Bucket

MAX_DELAY_SECONDS = 300.0
"""Maximum seconds between two reports of a trainer, because users watch them and an alert waits for them."""
BURST_SECONDS = 2.0
"""The burst, as seconds of reports at the sustained rate. Half of this burst is reserved for milestones."""
MIN_BURST = 4.0
MAX_TRAINERS = 50_000
"""Maximum number of remembered trainers. The next report of any other trainer counts as a milestone."""


class ReportDelays(NamedTuple):
    """The delays before a trainer's next reports.

    Args:
        step_delay: Seconds before the next report of steps.
        milestone_delay: Seconds before the next report of a milestone: the end of an epoch, another stage, or another
            cause of a wait.
    """

    step_delay: float
    milestone_delay: float = 0.0


class LastReport(NamedTuple):
    """The last report of a trainer.

    Args:
        time: Time of the report in seconds.
        epoch: Finished epochs.
        phase: The attempt, the stage and the reason for which the trainer waits.
    """

    time: float
    epoch: int
    phase: tuple[int, str, str | None]

    @classmethod
    def from_report(cls, report: Report, time: float) -> Self:
        """Return the fields of a report that decide whether the next report has a milestone."""
        waiting_reason = report.waiting.reason if report.waiting else None
        return cls(time, report.epoch, (report.attempt, report.stage, waiting_reason))


class ReportBudget:
    """Limits the rate of all trainers' reports. Reports of milestones have priority over reports of steps.

    Args:
        per_second: Sustained reports per second.
        clock: Returns the time in seconds.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._burst = max(MIN_BURST, BURST_SECONDS * per_second)
        self._bucket = Bucket(self._burst, clock())
        self._next_slot = clock()
        self._last_reports: TTLCache[str, LastReport, float] = TTLCache(MAX_TRAINERS, 2 * MAX_DELAY_SECONDS, clock)

    def is_milestone(self, trainer: str, report: Report) -> bool:
        """Return whether a report has another attempt, stage or cause of a wait than the last report, or ends an epoch.

        Args:
            trainer: UID of the trainer's pod.
            report: The report.
        """
        try:
            before = self._last_reports[trainer]
        except KeyError:
            return True
        now = LastReport.from_report(report, self._clock())
        # If epochs are so short that each report would be a milestone, the end of an epoch is none.
        is_epoch_end = now.epoch > before.epoch and now.time - before.time >= INTERVAL_SECONDS
        return now.phase != before.phase or is_epoch_end

    def take(self, *, is_milestone: bool) -> bool:
        """Return whether a report may be written to a status; if so, the report uses a token of the burst.

        Half of the tokens are only for reports of milestones (`is_milestone`).
        """
        bucket, wait = self._bucket.take(self._clock(), burst=self._burst, per_second=self._per_second)
        if wait or (bucket.tokens < self._burst / 2 - 1 and not is_milestone):
            return False
        self._bucket = bucket
        return True

    def record(self, trainer: str, report: Report) -> None:
        """Remember the last report of a trainer."""
        self._last_reports[trainer] = LastReport.from_report(report, self._clock())

    def reserve_slot(self) -> float:
        """Reserve the time slot of a trainer's next report of steps, and return the seconds until that slot.

        Each trainer gets its own slot, so the delay grows with the number of trainers.
        """
        now = self._clock()
        self._next_slot = min(max(now, self._next_slot) + 1 / self._per_second, now + MAX_DELAY_SECONDS)
        return max(INTERVAL_SECONDS, self._next_slot - now)
