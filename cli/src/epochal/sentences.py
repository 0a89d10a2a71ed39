"""Formats numbers and lists of names for messages."""

from collections.abc import Sequence

MAX_NAMES = 8
MAX_CHARACTERS = 64
"""Maximum characters of a name in a list. A longer name is cut."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in singular or plural: `1 row`, `1,024 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str], none: str = "none") -> str:
    """Return names as a text with commas: at most MAX_NAMES names, each shortened, and the number of further names.

    Args:
        names: The names, of any number and length.
        none: The text for an empty list.
    """
    shown = [name if len(name) <= MAX_CHARACTERS else f"{name[:MAX_CHARACTERS]}…" for name in names[:MAX_NAMES]]
    more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(shown)}{more}" if shown else none
