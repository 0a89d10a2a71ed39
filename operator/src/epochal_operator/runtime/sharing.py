"""Keeps texts once that thousands of objects have: names of fields and conditions, reasons, types, times."""

import sys
from typing import Any

MOST = 64
"""Characters of a text that is looked for: longer ones are messages, of which hardly two are the same."""


def shared(value: Any) -> Any:
    """Returns a JSON value whose short texts are the very ones that others have, too.

    What reads JSON makes each text anew for each object, and texts are most of what an object takes: a trial, its Job
    and its pod some 36 KB, of which less than half is left. A text goes with the last object that has it.

    Args:
        value: Anything that JSON can tell.
    """
    kind = type(value)
    if kind is dict:
        # Leaves are handled in place: a call for each leaf doubles the time, which is 4 s for 30,000 objects.
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
"""Types of JSON values that hold others."""
