"""Suggests existing keys for a missing key, from a few limited listings, never from a listing of all keys."""

from collections.abc import Callable, Sequence

from epochal_api.suggestions import close_matches

Entries = Callable[[str], Sequence[str]]
"""A function that returns up to MAX_ENTRIES keys and folders that begin with a prefix, as Bucket.entries does."""

MAX_ENTRIES = 200
"""Maximum number of entries in a listing."""
MAX_LISTINGS = 12
"""Maximum number of listing requests to find suggestions for a missing key."""
MAX_NAMES = 3
"""Maximum number of names in a message. The number of the others follows."""
PREFIX_LENGTH = 2
"""Number of first characters of a missing key's part that are assumed correct, to limit a listing to this prefix."""


def suggest_name(name: str, names: Sequence[str]) -> str:
    """Return advice for a missing name: similar names of `names`, or the first few of `names`."""
    if matches := close_matches(name, names):
        return f"did you mean {' or '.join(matches)}?"
    if not names:
        return "none exists"
    return f"found {format_names(names)}"


def format_names(names: Sequence[str]) -> str:
    """Return the first MAX_NAMES names as text, and the number of further names."""
    first = ", ".join(sorted(names)[:MAX_NAMES])
    if len(names) <= MAX_NAMES:
        return first
    return f"{first} and {'more' if len(names) >= MAX_ENTRIES else f'{len(names) - MAX_NAMES:,} more'}"


def suggest_key(key: str, entries: Entries) -> str:
    """Return advice for a missing key: the content of a folder with its name, similar keys, or keys in its folder."""
    if inside := entries_in(key, entries):
        return f"it is a folder that contains {format_names(inside)}"
    if matches := similar_keys(key, entries):
        return f"did you mean {' or '.join(matches)}?"
    folder = key.rpartition("/")[0]
    if names := entries(f"{folder}/" if folder else ""):
        return f"{'its folder' if folder else 'the bucket'} contains {format_names(names)}"
    if folder and (names := entries("")):
        return f"its folder does not exist; the bucket contains {format_names(names)}"
    return "the bucket is empty"


def entries_in(key: str, entries: Entries) -> list[str]:
    """Return the entries of the folder that has this key as its name, without the folder's name."""
    folder = f"{key.rstrip('/')}/"
    return [name for entry in entries(folder) if (name := entry.removeprefix(folder))]


def similar_keys(key: str, entries: Entries) -> list[str]:
    """Return at most MAX_NAMES existing keys similar to a missing key, with similar names in each part of the path."""
    listings_left = MAX_LISTINGS

    def list_similar(folder: str, name: str) -> list[str]:
        nonlocal listings_left
        stem = name.rstrip("/")
        for prefix in (stem, stem[:PREFIX_LENGTH], ""):
            if listings_left == 0:
                return []
            listings_left -= 1
            found = [entry.removeprefix(folder) for entry in entries(folder + prefix)]
            if name in found:
                return [folder + name]
            if matches := close_matches(name, found):
                return [folder + entry for entry in matches]
        return []

    matching = [""]
    *folders, last = key.rstrip("/").split("/")
    for name in (*(f"{folder}/" for folder in folders), last):
        matching = [found for folder in matching for found in list_similar(folder, name)][:MAX_NAMES]
    return matching
