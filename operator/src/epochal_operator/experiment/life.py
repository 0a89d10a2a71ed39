"""How long an Experiment that has ended stays: its `ttlSecondsAfterFinished`, and until its report is written."""

from datetime import datetime, timedelta

from epochal_api.experiment_status import ExperimentStatus

from epochal_operator.experiment.report import GIVE_UP, is_unwritten
from epochal_operator.experiment.status import has_come_to_its_end
from epochal_operator.runtime.resource import Object


def time_to_live(ttl: int | None, before: ExperimentStatus, report: Object | None, now: datetime) -> float | None:
    """Returns the seconds that an Experiment that has ended may still stay; None if that is for ever.

    Its report is written first, by as many tries as that takes, unless nothing has come of it for a day. An Experiment
    whose spec was refused stays: another version of Epochal may accept the spec.

    Args:
        ttl: Seconds after its end that it is to be deleted.
        before: Its status so far.
        report: The Job that writes its report, if there is one.
        now: The time, with a time zone.
    """
    end = end_of(before)
    if ttl is None or end is None or not has_come_to_its_end(before):
        return None
    life = timedelta(seconds=ttl)
    if report is not None and is_unwritten(report, end):
        life = max(life, GIVE_UP)
    return (end + life - now).total_seconds()


def end_of(before: ExperimentStatus) -> datetime | None:
    """Returns when an Experiment has ended, as far as its status tells."""
    return datetime.fromisoformat(before.completion_time) if before.completion_time is not None else None
