"""Finds the labels of pictures in an idx file: the MNIST data set has a second idx file with the labels."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from epochal.client.buckets import Bucket
from epochal.errors import EpochalError

from epochal_studio.preview import idx
from epochal_studio.preview.arrays import StoredArray
from epochal_studio.preview.source import StoredFile, Stream, Unreadable
from epochal_studio.preview.streams import GZIP_MAGIC, GzipStream, PlainStream, read_exactly
from epochal_studio.problems import Refusal

_PICTURES = re.compile(r"images([-._])idx[34](?=[-._]|$)")


def labels_key(key: str) -> str | None:
    """Return the key of MNIST's labels file for the key of its pictures file; None for any other key.

    For example, train-labels-idx1-ubyte.gz belongs to train-images-idx3-ubyte.gz.
    """
    folder, slash, name = key.rpartition("/")
    changed, count = _PICTURES.subn(r"labels\1idx1", name)
    return f"{folder}{slash}{changed}" if count == 1 else None


def companion_labels(bucket: Bucket, key: str) -> StoredArray | None:
    """Return the array of labels for an idx file of pictures.

    Args:
        bucket: The bucket.
        key: Key of the pictures file.

    Returns:
        The array in the labels file that belongs to it; None if there is no such file, or it is unreadable.
    """
    other = labels_key(key)
    if other is None:
        return None
    try:
        file = StoredFile(bucket, other)
        is_packed = file.read_at(0, len(GZIP_MAGIC)) == GZIP_MAGIC
        open_ = partial(_open, file, is_packed=is_packed)
        with open_() as stream:
            if not idx.is_idx(read_exactly(stream, idx.HEAD)):
                return None
        return idx.read_array(open_, None if is_packed else file.size)
    except (Unreadable, EpochalError, Refusal):  # the pictures are shown without labels
        return None


@contextmanager
def _open(file: StoredFile, *, is_packed: bool) -> Iterator[Stream]:
    yield GzipStream(file) if is_packed else PlainStream(file)
