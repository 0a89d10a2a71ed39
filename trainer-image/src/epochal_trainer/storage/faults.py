"""What can go wrong with any bucket, and how it is said."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epochal_trainer.lib.failures import Failure, bad_data, lacks_room, scratch_full

SMALL_BYTES = 64 * 1024**2
"""What an object may hold that is read into memory as a whole."""


def not_found(uri: str, advice: str | None) -> Failure:
    """Returns the failure of an object that is not there.

    Args:
        uri: Where it should be.
        advice: What to do about it, if what lies near may be looked at.
    """
    return bad_data("ObjectNotFound", f"{uri} does not exist" + (f"; {advice}" if advice else ""))


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
