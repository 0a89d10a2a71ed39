"""Interns short texts that thousands of objects share: names of fields and conditions, reasons, types, times."""

import sys
from typing import Any

MOST = 64
"""Maximum length in characters of an interned text. Longer texts are messages, which are rarely equal."""


def shared(value: Any) -> Any:
    """Return a JSON value that shares its short texts with equal texts of other objects.

    A JSON parser creates each text again for each object, and texts take most of an object's memory. A trial with its
    Job and pod takes about 36 KB, and less than half with shared texts. A text is freed with the last object that uses
    it.

    Args:
        value: Any JSON value.
    """
    kind = type(value)
    if kind is dict:
        # Handle leaves inline: a call for each leaf doubles the time, which is 4 s for 30,000 objects.
        return {
            sys.intern(name): (
                (sys.intern(one) if len(one) <= MOST else one)
                if type(one) is str
                else shared(one)
                if type(one) in _NESTED
                else one
            )
            for name, one in value.items()
        }
    if kind is list:
        return [shared(one) for one in value]
    return sys.intern(value) if kind is str and len(value) <= MOST else value


_NESTED = frozenset({dict, list})
"""Types of JSON values that contain other values."""
