"""What can go wrong with any bucket, and how it is said."""

import difflib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epochal_trainer.lib.failures import Failure, bad_data, lacks_room, scratch_full

SMALL_BYTES = 64 * 1024**2
"""What an object may hold that is read into memory as a whole."""
NAMED = 3
"""How many keys a message names."""


def not_found(uri: str, key: str, present: list[str]) -> Failure:
    """Returns the failure of an object that is not there.

    Args:
        uri: Where it should be.
        key: Its key.
        present: The keys beside it.
    """
    if near := difflib.get_close_matches(key, present, n=NAMED):
        advice = f"did you mean {' or '.join(near)}?"
    elif present:
        more = f" and {len(present) - NAMED:,} more" if len(present) > NAMED else ""
        advice = f"beside it lie {', '.join(sorted(present)[:NAMED])}{more}"
    else:
        advice = "nothing lies beside it"
    return bad_data("ObjectNotFound", f"{uri} does not exist; {advice}")


def object_changed(uri: str) -> Failure:
    """Returns the failure of an object that was replaced while it was read."""
    return bad_data(
        "ObjectChanged", f"{uri} changed while it was read: write data before the job starts, or to new keys"
    )


def not_as_stored(uri: str, found: str) -> Failure:
    """Returns the failure of an object that a storage does not give back as it took it.

    It is tried again: what was trained is in a checkpoint, and may be stored as it should be the next time.

    Args:
        uri: The object.
        found: What was found.
    """
    message = (
        f"{uri} was stored a moment ago, and reading it back gives something else: {found}. Spec, data and training "
        "are in order: the storage, or a proxy before it, changes what it holds, or another program writes there"
    )
    return Failure("StorageError", message, os.EX_TEMPFAIL)


def bounded(data: bytes, uri: str) -> bytes:
    """Returns the content of an object that is meant to be small.

    Raises:
        Failure: DamagedData, if it is not.
    """
    if len(data) > SMALL_BYTES:
        raise bad_data("DamagedData", f"{uri} holds more than {SMALL_BYTES:,} bytes, and should hold far fewer")
    return data


@contextmanager
def room_for(path: Path, size: int, uri: str) -> Iterator[None]:
    """Makes sure that a file fits on the local disk, before and while it is written.

    Args:
        path: The file to write.
        size: Its bytes.
        uri: What it is a copy of.

    Raises:
        Failure: ScratchFull.
    """
    free = shutil.disk_usage(path.parent).free
    full = scratch_full(f"{uri} holds {size:,} bytes and {path.parent} has only {free:,} bytes left")
    if size > free:
        raise full
    try:
        yield
    except OSError as error:
        if lacks_room(error):
            raise full from error
        raise
