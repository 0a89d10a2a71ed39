"""Suggestions of existing names for a name that does not exist."""

import difflib
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

MOST = 3
"""Maximum number of suggestions."""
_CUTOFF = 0.6
"""Least similarity of a suggestion, from 0 to 1, which is the default of difflib."""


def close_matches(name: str, known: Iterable[str]) -> list[str]:
    """Return the existing names most similar to a name, ignoring case, best first; MOST at most.

    If some names differ only in case, return these alone. If no name is similar, return those that begin with the name.

    Args:
        name: The name that does not exist.
        known: The existing names.
    """
    by_lower: dict[str, list[str]] = defaultdict(list)
    for each in known:
        by_lower[each.lower()].append(each)
    if same := by_lower.get(name.lower()):
        return same[:MOST]
    found = difflib.get_close_matches(name.lower(), by_lower, n=MOST, cutoff=_CUTOFF)
    found = found or sorted(each for each in by_lower if name and each.startswith(name.lower()))
    return list(chain.from_iterable(by_lower[each] for each in found))[:MOST]
