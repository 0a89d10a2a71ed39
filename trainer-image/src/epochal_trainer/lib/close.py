"""Which names may have been meant by one that is not there."""

import difflib
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

MOST = 3
"""How many names are named."""
_CUTOFF = 0.6
"""How alike two names must be, from 0 to 1, which is difflib's own default."""


def close(name: str, known: Iterable[str]) -> list[str]:
    """Returns the known names that are most like one, in whichever case, the likest first; MOST at most.

    If one differs in case alone, no other one is; if none is like it, those that begin like it are.

    Args:
        name: The name.
        known: Names that there are.
    """
    by_lower: dict[str, list[str]] = defaultdict(list)
    for each in known:
        by_lower[each.lower()].append(each)
    if same := by_lower.get(name.lower()):
        return same[:MOST]
    found = difflib.get_close_matches(name.lower(), by_lower, n=MOST, cutoff=_CUTOFF)
    found = found or sorted(each for each in by_lower if name and each.startswith(name.lower()))
    return list(chain.from_iterable(by_lower[each] for each in found))[:MOST]
