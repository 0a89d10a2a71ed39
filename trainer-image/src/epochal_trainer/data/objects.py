"""Checks that the objects in a TrainingJob's spec exist, with advice if they do not."""

from pathlib import PurePosixPath

from epochal_api.storage import Data

from epochal_trainer.data.formats.registry import FORMATS, either
from epochal_trainer.lib.failures import Failure, bad_data
from epochal_trainer.storage import Bucket, near

_IMAGES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def check_object(bucket: Bucket, data: Data, key: str) -> None:
    """Check that an object of the data exists.

    Args:
        bucket: The data bucket.
        data: The spec of the data.
        key: Key of the object, relative to data.prefix.

    Raises:
        Failure: ObjectNotFound, with similar keys and advice; or as in `Bucket.check`.
    """
    whole = data.prefix + key
    try:
        found = bucket.stat(whole)
    except Failure as failure:
        if failure.reason != "ObjectNotFound" or not (advice := _advice(bucket, data, whole)):
            raise
        raise Failure(failure.reason, f"{failure.message}. {advice}", failure.exit_code) from failure
    if whole.endswith("/") and not found.size:  # Some programs create an empty object for a folder.
        advice = _advice(bucket, data, whole) or _must()
        raise bad_data("ObjectNotFound", f"{bucket.uri(whole)} is a folder. {advice}")


def _advice(bucket: Bucket, data: Data, key: str) -> str | None:
    """Return advice for a key that is a folder, or for a prefix without its final slash; None for other keys."""
    try:
        if inside := near.within(key, bucket.entries):
            return _of_folder(bucket, key, inside)
        if data.prefix and not data.prefix.endswith("/") and bucket.entries(f"{data.prefix}/"):
            return f"spec.data.prefix is put before each key as it is: write {data.prefix}/ if it is a folder"
    except Failure:  # The credentials may not list the bucket.
        pass
    return None


def _of_folder(bucket: Bucket, folder: str, inside: list[str]) -> str:
    if deeper := next((one for one in inside if one.endswith("/")), None):
        inside = [*inside, *near.within(f"{folder.rstrip('/')}/{deeper}", bucket.entries)]
    if not any(PurePosixPath(one).suffix.lower() in _IMAGES for one in inside):
        return _must()
    return (
        f"{_must()}, and folders of images are not read: put them into one object with "
        'numpy.savez("train.npz", x=IMAGES, y=LABELS), x of shape (samples, height, width, channels), and name that'
    )


def _must() -> str:
    return f"spec.data must name objects, each {either(FORMATS)}"
