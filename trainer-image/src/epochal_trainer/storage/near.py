"""What is like a name that is not there: some looks at what lies near it, and never at all there is."""

from collections.abc import Callable, Sequence

from epochal_trainer.lib.close import close

Entries = Callable[[str], Sequence[str]]
"""Returns keys that begin with a prefix, MOST of them, and in the place of all that lie deeper their folders, which end
with a slash."""

MOST = 200
"""Entries that one look returns."""
LOOKS = 12
"""Looks at one missing key."""
NAMED = 3
"""How many names a message names."""
BEGINS = 2
"""Characters of a name that are likely right, by which it is looked for among many."""


def among(name: str, present: Sequence[str]) -> str:
    """Returns what to say of a name that is not among those that are there.

    Args:
        name: The name.
        present: Those that are there; where there are MOST, there may be more.
    """
    if near := close(name, present):
        return f"did you mean {' or '.join(near)}?"
    if not present:
        return "there is none"
    return f"there {'is' if len(present) == 1 else 'are'} {named(present)}"


def named(present: Sequence[str]) -> str:
    """Returns the first of some names for people, and how many more there are."""
    first = ", ".join(sorted(present)[:NAMED])
    if len(present) <= NAMED:
        return first
    return f"{first} and {'more' if len(present) >= MOST else f'{len(present) - NAMED:,} more'}"


def advise(key: str, entries: Entries) -> str:
    """Returns what to say of a key that is not there.

    Args:
        key: The key.
        entries: Looks at what is there.
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
    """Returns what lies in the folder that a key may be taken for, by names of its own.

    Args:
        key: The key.
        entries: Looks at what is there.
    """
    folder = f"{key.rstrip('/')}/"
    return [name for one in entries(folder) if (name := one.removeprefix(folder))]


def like(key: str, entries: Entries) -> list[str]:
    """Returns keys like one that is not there: each part of its path is looked for among what lies where it should.

    Args:
        key: The key.
        entries: Looks at what is there.
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
            if near := close(name, found):
                return [place + one for one in near]
        return []

    places = [""]
    *folders, last = key.rstrip("/").split("/")
    for name in (*(f"{folder}/" for folder in folders), last):
        places = [found for place in places for found in look(place, name)][:NAMED]
    return places
