"""Failures that any bucket can have, and their messages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epochal_trainer.lib.failures import Failure, bad_data, lacks_room, scratch_full

SMALL_BYTES = 64 * 1024**2
"""Maximum size in bytes of an object that is read into memory as a whole."""
OBJECT_REASONS = ("ObjectNotFound", "ObjectChanged", "DamagedData")
"""Reasons of failures that concern a single object of a working bucket."""


def not_found(uri: str, advice: str | None) -> Failure:
    """Return the failure for a missing object.

    Args:
        uri: URI of the missing object.
        advice: Advice from similar keys; None if the credentials may not list the bucket.
    """
    return bad_data("ObjectNotFound", f"{uri} does not exist" + (f"; {advice}" if advice else ""))


def object_changed(uri: str) -> Failure:
    """Return the failure for an object that was replaced during the read."""
    return bad_data(
        "ObjectChanged", f"{uri} changed while it was read: write data before the job starts, or to new keys"
    )


def bounded(data: bytes, uri: str) -> bytes:
    """Return the content of a small object, after a check of its size.

    Raises:
        Failure: DamagedData, if the content has more than SMALL_BYTES.
    """
    if len(data) > SMALL_BYTES:
        raise bad_data("DamagedData", f"{uri} holds more than {SMALL_BYTES:,} bytes, and should hold far fewer")
    return data


@contextmanager
def room_for(path: Path, size: int, uri: str) -> Iterator[None]:
    """Check that a file fits on the local disk, before it is written and during the write.

    Args:
        path: The file to write.
        size: Size of the file in bytes.
        uri: The source of the content, for messages.

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
