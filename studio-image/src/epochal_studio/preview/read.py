"""Detects the format of a data file by its first bytes, and builds its preview."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Literal, NamedTuple

from epochal.client.buckets import Bucket
from epochal_api.text import printable

from epochal_studio.preview import idx, npy, npz
from epochal_studio.preview.companion import companion_labels
from epochal_studio.preview.describe import Described, describe
from epochal_studio.preview.source import StoredFile, Stream, Unreadable
from epochal_studio.preview.streams import GZIP_MAGIC, GzipStream, PlainStream, read_exactly
from epochal_studio.preview.table import MAX_HEAD, is_table, read_table
from epochal_studio.wire.common import Problem
from epochal_studio.wire.preview import Preview

HEAD = 4096
_TABLES = "docs/tables.md shows how to convert a table to npz."
_ZIP_IN_GZIP = "Studio cannot preview an npz file that is compressed by gzip. A training can read it."
_UNKNOWN = {
    b"\x80": "a pickle, which Studio never opens, because it may run code. A training reads a pickle of arrays.",
    b"\x89HDF": "HDF5, which no training reads. Save its arrays with numpy.savez.",
    b"PAR1": "Parquet, which no training reads. Convert it to npz with pandas and numpy.",
    b"BZh": "compressed by bzip2, which no training reads. Unpack it first.",
    b"\xfd7zXZ": "compressed by xz, which no training reads. Unpack it first.",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard, which no training reads. Unpack it first.",
}
"""First bytes of formats that Studio does not preview, and a description of the format for users."""

Format = Literal["npz", "npy", "idx", "csv", "unknown"]


class _Content(NamedTuple):
    """The uncompressed content of a file.

    Args:
        head: The first bytes of the content.
        open: Opens the content as a stream.
        size: Bytes of the content; None if they are unknown, because the file is compressed by gzip.
    """

    head: bytes
    open: Callable[[], AbstractContextManager[Stream]]
    size: int | None


def read_preview(bucket: Bucket, key: str) -> Preview:
    """Return the preview of a data file. An unreadable file has a preview with the problem.

    Args:
        bucket: The bucket.
        key: Key of the object.

    Raises:
        EpochalError: If the object does not exist, or the S3 service refuses a request.
    """
    file = StoredFile(bucket, key)
    try:
        return _preview(bucket, file)
    except Unreadable as error:
        return _empty(file, "unknown", _problem("Damaged", _sentence(f"Studio cannot read the file: {error}")))


def _preview(bucket: Bucket, file: StoredFile) -> Preview:
    if not file.size:
        return _empty(file, "unknown", _problem("Empty", "The file is empty.", "Upload it again."))
    content = _content(file)
    if content.head.startswith(npz.MAGIC):
        return _npz(file, content)
    if content.head.startswith(npy.MAGIC):
        return _npy(file, content)
    if idx.is_idx(content.head):
        return _idx(bucket, file, content)
    return _table(file, content) if is_table(file.key, content.head) else _unknown(file, content.head)


def _content(file: StoredFile) -> _Content:
    head = file.read_at(0, HEAD)
    if not head.startswith(GZIP_MAGIC):
        return _Content(head, partial(_plain, file), file.size)
    with _gzip(file) as stream:
        return _Content(read_exactly(stream, HEAD), partial(_gzip, file), None)


@contextmanager
def _plain(file: StoredFile) -> Iterator[Stream]:
    yield PlainStream(file)


@contextmanager
def _gzip(file: StoredFile) -> Iterator[Stream]:
    yield GzipStream(file)


def _npz(file: StoredFile, content: _Content) -> Preview:
    if content.size is None:
        return _empty(file, "npz", _problem("Compressed", _ZIP_IN_GZIP))
    arrays, count = npz.read_arrays(file)
    preview = _arrays(file, "npz", describe(arrays))
    if count > len(arrays):
        message = f"The file has {count:,} arrays. Studio shows the first {len(arrays)}."
        return preview.model_copy(update={"problem": _problem("TooMany", message)})
    return preview


def _npy(file: StoredFile, content: _Content) -> Preview:
    array = npy.read_array("", content.size, content.open)
    advice = "Save features and labels together: numpy.savez(FILE, x=…, y=…)."
    single = _problem("UnknownFormat", "A training cannot read a single npy array.", advice)
    preview = _arrays(file, "npy", describe([array]))
    return preview if preview.problem else preview.model_copy(update={"problem": single})


def _idx(bucket: Bucket, file: StoredFile, content: _Content) -> Preview:
    array = idx.read_array(content.open, content.size)
    labels = companion_labels(bucket, file.key) if len(array.shape) > 1 else None
    return _arrays(file, "idx", describe([array], labels=labels))


def _unknown(file: StoredFile, head: bytes) -> Preview:
    for magic, words in _UNKNOWN.items():
        if head.startswith(magic):
            return _empty(file, "unknown", _problem("UnknownFormat", f"The file looks like {words}"))
    begin = printable(repr(head[:8]))
    found = f"The file begins with {begin}, which is no format that Studio reads."
    return _empty(
        file, "unknown", _problem("UnknownFormat", found, "A training can read npz, idx and pickles of arrays.")
    )


def _table(file: StoredFile, content: _Content) -> Preview:
    with content.open() as stream:
        head = read_exactly(stream, MAX_HEAD)
    table = read_table(head, is_whole=len(head) < MAX_HEAD)
    problem = _problem("UnknownFormat", "A training cannot read a table of text.", _TABLES)
    if table.omitted:
        message = f"The table has {table.omitted:,} more columns than Studio shows. {problem.message}"
        problem = _problem(problem.reason, message, problem.remedy)
    return _empty(file, "csv", problem).model_copy(update={"columns": table.columns, "rows": table.rows})


def _arrays(file: StoredFile, format_: Format, found: Described) -> Preview:
    problem = _problem("Skipped", _sentence(found.problem)) if found.problem else None
    return _empty(file, format_, problem).model_copy(update={"arrays": found.arrays, "samples": found.samples})


def _empty(file: StoredFile, format_: Format, problem: Problem | None) -> Preview:
    key = file.key
    return Preview(key=key, size=file.size, format=format_, arrays=[], samples=[], columns=[], rows=[], problem=problem)


def _problem(reason: str, message: str, remedy: str = "") -> Problem:
    return Problem(reason=reason, message=message, remedy=remedy)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
