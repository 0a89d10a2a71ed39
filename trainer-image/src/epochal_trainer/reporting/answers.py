"""Reads the operator's answers to the trainer's reports, and determines the delays between reports."""

from http import HTTPStatus
from typing import NamedTuple

from epochal_api.text import printable
from epochal_api.trainingjob.report import INTERVAL_SECONDS, ReportResponse
from pydantic import ValidationError

INTERVAL = INTERVAL_SECONDS
LONGEST_INTERVAL = 900.0
"""Maximum seconds between reports that the operator can request. Without a limit, an answer could end all reports."""
LONGEST_DELAY = 15.0
"""Maximum seconds between retries of a report while the operator does not answer."""
_PERMANENT = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)


class Pause(NamedTuple):
    """Delays until the next report.

    Args:
        step_delay: Seconds until the next report if only the steps of the training have changed.
        milestone_delay: Minimum seconds until the next report in any case, such as after the end of an epoch.
    """

    step_delay: float
    milestone_delay: float = 0.0


def read_answer(text: str) -> ReportResponse | None:
    """Return the operator's answer from a response body, or None if another program answered, such as a proxy."""
    try:
        return ReportResponse.model_validate_json(text)
    except ValidationError:
        return None


def requested_pause(text: str) -> Pause | None:
    """Return the delays that the operator's answer requests, or None for a proxy's answer or one without delays."""
    answer = read_answer(text)
    if answer is None or answer.report_after_seconds is None:
        return None
    steps = min(max(answer.report_after_seconds, INTERVAL), LONGEST_INTERVAL)
    return Pause(steps, milestone_delay=min(answer.epoch_after_seconds or 0.0, steps))


def back_off(delay: float) -> float:
    """Return the seconds until the next retry after a further failure: twice `delay`, from 1 to LONGEST_DELAY."""
    return min(2 * delay or 1.0, LONGEST_DELAY)


class ReportRejected(Exception):
    """The operator, or a proxy, answered a report with an HTTP status other than 200.

    `is_permanent` is true if a retry does not help. `pause` is set if the response requests a delay.
    """

    def __init__(self, status: int, text: str, retry_after: str | None) -> None:
        super().__init__(printable(f"HTTP {status} {text[:1000]}".strip()))
        self.is_permanent = status in _PERMANENT
        self.pause = None
        if retry_after and retry_after.isdecimal():
            seconds = min(max(float(retry_after), 1.0), LONGEST_INTERVAL)
            # The operator's answer distinguishes the end of an epoch from steps. The header, for older trainers, does
            # not.
            self.pause = requested_pause(text) or Pause(seconds, seconds)
