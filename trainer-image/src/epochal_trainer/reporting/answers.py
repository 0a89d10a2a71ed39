"""What the operator says to a report, and how long to wait until the next one."""

from http import HTTPStatus
from typing import NamedTuple

from epochal_api.report import INTERVAL_SECONDS, Answer
from epochal_api.text import printable
from pydantic import ValidationError

INTERVAL = INTERVAL_SECONDS
LONGEST_INTERVAL = 900.0
"""No operator asks for more: that were to ask for silence."""
LONGEST_DELAY = 15.0
"""Seconds between tries to reach an operator that does not answer."""
_REFUSED = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)


class Pause(NamedTuple):
    """How long to wait until the next report.

    Args:
        steps: Seconds until one that tells of steps.
        news: Seconds until one that tells of more, such as an epoch's end.
    """

    steps: float
    news: float = 0.0


def read_answer(text: str) -> Answer | None:
    """Returns what an operator says, or None if it is none that speaks: a proxy in its place."""
    try:
        return Answer.model_validate_json(text)
    except ValidationError:
        return None


def asked_for(text: str) -> Pause | None:
    """Returns how long the operator asks to wait, or None if it does not: an older one, or a proxy in its place."""
    answer = read_answer(text)
    if answer is None or answer.report_after_seconds is None:
        return None
    steps = min(max(answer.report_after_seconds, INTERVAL), LONGEST_INTERVAL)
    return Pause(steps, news=min(answer.epoch_after_seconds or 0.0, steps))


def back_off(delay: float) -> float:
    """Returns for how many seconds to wait after one more failure in a row.

    Args:
        delay: How long it was after the failure before; 0 if there was none.
    """
    return min(2 * delay or 1.0, LONGEST_DELAY)


class Undelivered(Exception):
    """A report that the operator did not take.

    Args:
        status: HTTP status.
        text: What the operator said.
        retry_after: Its Retry-After header.
    """

    def __init__(self, status: int, text: str, retry_after: str | None) -> None:
        super().__init__(printable(f"HTTP {status} {text[:1000]}".strip()))
        self.refused = status in _REFUSED
        self.pause = None
        if retry_after and retry_after.isdecimal():
            seconds = min(max(float(retry_after), 1.0), LONGEST_INTERVAL)
            # What the operator says itself tells an epoch's end from steps; the header, for older trainers, does not.
            self.pause = asked_for(text) or Pause(seconds, seconds)
