"""The operator's answers to reports, and the delays between reports."""

from http import HTTPStatus
from typing import NamedTuple

from epochal_api.text import printable
from epochal_api.trainingjob.report import INTERVAL_SECONDS, ReportResponse
from pydantic import ValidationError

INTERVAL = INTERVAL_SECONDS
LONGEST_INTERVAL = 900.0
"""Seconds. Longest interval that an operator can request: without this limit, an answer could end all reports."""
LONGEST_DELAY = 15.0
"""Longest delay in seconds between retries while the operator does not answer."""
_PERMANENT = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)


class Pause(NamedTuple):
    """Delays until the next report.

    Args:
        step_delay: Seconds until a report in which only steps changed.
        milestone_delay: Seconds until a report with other changes, such as the end of an epoch.
    """

    step_delay: float
    milestone_delay: float = 0.0


def read_answer(text: str) -> ReportResponse | None:
    """Return the operator's answer, or None if the text is not an answer, such as a proxy's response."""
    try:
        return ReportResponse.model_validate_json(text)
    except ValidationError:
        return None


def requested_pause(text: str) -> Pause | None:
    """Return the delays that the operator requests; None if an operator without this field, or a proxy, answers."""
    answer = read_answer(text)
    if answer is None or answer.report_after_seconds is None:
        return None
    steps = min(max(answer.report_after_seconds, INTERVAL), LONGEST_INTERVAL)
    return Pause(steps, milestone_delay=min(answer.epoch_after_seconds or 0.0, steps))


def back_off(delay: float) -> float:
    """Return the delay in seconds after another failure in a row."""
    return min(2 * delay or 1.0, LONGEST_DELAY)


class ReportRejected(Exception):
    """A report that the operator did not accept."""

    def __init__(self, status: int, text: str, retry_after: str | None) -> None:
        super().__init__(printable(f"HTTP {status} {text[:1000]}".strip()))
        self.is_permanent = status in _PERMANENT
        self.pause = None
        if retry_after and retry_after.isdecimal():
            seconds = min(max(float(retry_after), 1.0), LONGEST_INTERVAL)
            # The operator's answer distinguishes the end of an epoch from steps. The header, for older trainers, does
            # not.
            self.pause = requested_pause(text) or Pause(seconds, seconds)
