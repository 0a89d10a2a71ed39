"""The time to live of an ended Experiment: its `ttlSecondsAfterFinished`, and the time to write its report."""

from datetime import datetime, timedelta

from epochal_api.experiment_status import ExperimentStatus

from epochal_operator.experiment.report import GIVE_UP, is_unwritten
from epochal_operator.experiment.status import has_come_to_its_end
from epochal_operator.runtime.api.resource import Object


def time_to_live(ttl: int | None, before: ExperimentStatus, report: Object | None, now: datetime) -> float | None:
    """Return the seconds until an ended Experiment is deleted, or None if it is never deleted.

    The report is written first, with retries for up to a day. An Experiment with a refused spec is not deleted, because
    another version of Epochal may accept the spec.

    Args:
        ttl: Seconds between its end and its deletion; None to keep it.
        before: The previous status of the Experiment.
        report: The Job that writes its report, or None.
        now: The current time, with a time zone.
    """
    end = end_of(before)
    if ttl is None or end is None or not has_come_to_its_end(before):
        return None
    life = timedelta(seconds=ttl)
    if report is not None and is_unwritten(report, end):
        life = max(life, GIVE_UP)
    return (end + life - now).total_seconds()


def end_of(before: ExperimentStatus) -> datetime | None:
    """Return the completion time of an Experiment from its status, or None."""
    return datetime.fromisoformat(before.completion_time) if before.completion_time is not None else None
