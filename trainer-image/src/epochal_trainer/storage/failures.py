"""Failures that S3 buckets and local folders have in common, and their messages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epochal_trainer.lib.failures import Failure, bad_data, is_disk_full, scratch_full

SMALL_BYTES = 64 * 1024**2
"""Maximum size in bytes of an object that is read into memory as a whole. A larger object is refused."""
OBJECT_REASONS = ("ObjectNotFound", "ObjectChanged", "DamagedData")
"""Reasons of failures that concern a single object, while the bucket itself works."""


def not_found(uri: str, advice: str | None) -> Failure:
    """Return the failure for a missing object.

    Args:
        uri: URI of the missing object.
        advice: Advice, such as similar keys; None if the credentials may not list the bucket.
    """
    return bad_data("ObjectNotFound", f"{uri} does not exist" + (f"; {advice}" if advice else ""))


def object_changed(uri: str) -> Failure:
    """Return the failure for an object that changed during its download."""
    message = f"{uri} changed during the download: write data before the job starts, or to new keys"
    return bad_data("ObjectChanged", message)


def check_size(data: bytes, uri: str) -> bytes:
    """Return `data`, the content of an object that is read into memory as a whole, after a check of its size.

    Raises:
        Failure: DamagedData, if `data` has more than SMALL_BYTES. No intact object of this kind is so large.
    """
    if len(data) > SMALL_BYTES:
        raise bad_data(
            "DamagedData", f"{uri} is too large: it has more than {SMALL_BYTES:,} bytes; check which program wrote it"
        )
    return data


@contextmanager
def check_disk_space(path: Path, size: int, uri: str) -> Iterator[None]:
    """Check that a local file of `size` bytes fits on its disk, before and during the write within the context.

    Raises:
        Failure: ScratchFull. The message names the object (`uri`) that is downloaded.
    """
    free = shutil.disk_usage(path.parent).free
    found = f"{uri} has {size:,} bytes, and only {free:,} bytes are free in {path.parent}"
    full = scratch_full(f"the disk is full: {found}")
    if size > free:
        raise full
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise full from error
        raise
