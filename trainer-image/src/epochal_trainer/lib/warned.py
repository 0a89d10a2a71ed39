"""What a training warns of: something that may not be meant so, of which nothing fails."""

from epochal_api.report import Warned
from epochal_api.status import MAX_WARNING
from epochal_api.text import printable


def warned(reason: str, message: str) -> Warned:
    """Returns a warning, within what a report holds.

    Args:
        reason: What is the matter, in one CamelCase word; it becomes the reason of an Event.
        message: What was found, where, what must hold, and what to do.
    """
    text = printable(message)
    return Warned(reason=reason, message=text if len(text) <= MAX_WARNING else f"{text[: MAX_WARNING - 1]}…")
