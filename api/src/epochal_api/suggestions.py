"""Suggestions of existing names for a name that does not exist."""

import difflib
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

MAX_SUGGESTIONS = 3
_CUTOFF = 0.6
"""Minimum similarity of a suggestion, from 0 to 1. It is the default of difflib."""


def close_matches(name: str, known: Iterable[str]) -> list[str]:
    """Return the names in `known` most similar to a name, ignoring case, best first; MAX_SUGGESTIONS at most.

    If names that differ only in case exist, return only these. If no name is similar, return the names that begin with
    `name`.
    """
    by_lower: dict[str, list[str]] = defaultdict(list)
    for existing in known:
        by_lower[existing.lower()].append(existing)
    if same := by_lower.get(name.lower()):
        return same[:MAX_SUGGESTIONS]
    matches = difflib.get_close_matches(name.lower(), by_lower, n=MAX_SUGGESTIONS, cutoff=_CUTOFF)
    matches = matches or sorted(lower for lower in by_lower if name and lower.startswith(name.lower()))
    return list(chain.from_iterable(by_lower[lower] for lower in matches))[:MAX_SUGGESTIONS]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question with the names in `known` most similar to a name, or "" if no name is similar."""
    matches = close_matches(name, known)
    return f"did you mean {' or '.join(matches)}?" if matches else ""
