"""Warnings of a training about a probable mistake that does not make it fail."""

from epochal_api.report import Warned
from epochal_api.status import MAX_WARNING
from epochal_api.text import printable


def warned(reason: str, message: str) -> Warned:
    """Return a warning, truncated to the length that a report allows.

    Args:
        reason: The cause in one CamelCase word; the reason of an Event.
        message: The state that was found, its place, the expected state, and the action to take.
    """
    text = printable(message)
    return Warned(reason=reason, message=text if len(text) <= MAX_WARNING else f"{text[: MAX_WARNING - 1]}…")
