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
    if isinstance(value, dict):
        return {sys.intern(name): shared(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shared(one) for one in value]
    return sys.intern(value) if type(value) is str and len(value) <= MOST else value
