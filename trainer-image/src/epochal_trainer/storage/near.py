"""Suggestions of existing keys for a missing key, from a few short listings and never from a full one."""

from collections.abc import Callable, Sequence

from epochal_lib.suggestions import close_matches

Entries = Callable[[str], Sequence[str]]
"""Returns up to MOST keys that begin with a prefix. Folders, which end with a slash, replace the keys inside them."""

MOST = 200
"""Maximum number of entries in a listing."""
LOOKS = 12
"""Maximum number of listings for a missing key."""
NAMED = 3
"""Maximum number of names in a message."""
BEGINS = 2
"""Number of first characters that are probably correct: among many names, only those with this prefix are searched."""


def among(name: str, present: Sequence[str]) -> str:
    """Return advice for a name that is not in a list of existing names.

    Args:
        name: The missing name.
        present: The existing names. If there are MOST names, the list may be incomplete.
    """
    if near := close_matches(name, present):
        return f"did you mean {' or '.join(near)}?"
    if not present:
        return "there is none"
    return f"there {'is' if len(present) == 1 else 'are'} {named(present)}"


def named(present: Sequence[str]) -> str:
    """Return the first few names as text, with the number of further names."""
    first = ", ".join(sorted(present)[:NAMED])
    if len(present) <= NAMED:
        return first
    return f"{first} and {'more' if len(present) >= MOST else f'{len(present) - NAMED:,} more'}"


def advise(key: str, entries: Entries) -> str:
    """Return advice for a missing key.

    Args:
        key: The missing key.
        entries: Lists existing keys.
    """
    if inside := within(key, entries):
        return f"it is a folder, which holds {named(inside)}"
    if near := like(key, entries):
        return f"did you mean {' or '.join(near)}?"
    folder = key.rpartition("/")[0]
    if present := entries(f"{folder}/" if folder else ""):
        return f"beside it lie {named(present)}"
    if folder and (present := entries("")):
        return f"nothing lies beside it; the bucket holds {named(present)}"
    return "nothing lies beside it"


def within(key: str, entries: Entries) -> list[str]:
    """Return the entries of a folder with the name of this key, relative to the folder.

    Args:
        key: The key.
        entries: Lists existing keys.
    """
    folder = f"{key.rstrip('/')}/"
    return [name for one in entries(folder) if (name := one.removeprefix(folder))]


def like(key: str, entries: Entries) -> list[str]:
    """Return existing keys similar to a missing key, found by the closest names for each part of its path.

    Args:
        key: The missing key.
        entries: Lists existing keys.
    """
    left = LOOKS

    def look(place: str, name: str) -> list[str]:
        nonlocal left
        bare = name.rstrip("/")
        for begin in (bare, bare[:BEGINS], ""):
            if left == 0:
                return []
            left -= 1
            found = [one.removeprefix(place) for one in entries(place + begin)]
            if name in found:
                return [place + name]
            if near := close_matches(name, found):
                return [place + one for one in near]
        return []

    places = [""]
    *folders, last = key.rstrip("/").split("/")
    for name in (*(f"{folder}/" for folder in folders), last):
        places = [found for place in places for found in look(place, name)][:NAMED]
    return places
