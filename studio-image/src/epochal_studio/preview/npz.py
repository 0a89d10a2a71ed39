"""Reads numpy's npz format: a zip archive of arrays. zipfile reads it through S3 requests for parts of the object."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from epochal_studio.preview.arrays import StoredArray
from epochal_studio.preview.npy import read_array
from epochal_studio.preview.sentences import shown_name
from epochal_studio.preview.source import SeekableFile, StoredFile, Stream, Unreadable

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
MAX_ARRAYS = 50
_TAIL = 2**16
"""Bytes at the end of the file that are read first. They contain the zip directory if it has at most some thousand
entries."""
_SUFFIX = ".npy"
_ENCRYPTED = 0x1
_DEFLATE_RATIO = 1032
"""Maximum uncompressed bytes for each byte of a deflate stream: https://zlib.net/zlib_tech.html"""
_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    IndexError,
    KeyError,
    EOFError,
    OSError,
)
"""Errors of zipfile for damaged archives."""


def read_arrays(file: StoredFile) -> tuple[list[StoredArray], int]:
    """Return the first MAX_ARRAYS arrays of an archive, and the number of all its arrays.

    Args:
        file: The archive.

    Raises:
        Unreadable: If the archive is damaged or incomplete, or its directory is too large.
    """
    file.read_at(max(0, file.size - _TAIL), _TAIL)
    with _errors("it"):
        archive = zipfile.ZipFile(SeekableFile(file))
    members = archive.infolist()
    return [_array(archive, member, file.size) for member in members[:MAX_ARRAYS]], len(members)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> StoredArray:
    name = shown_name(member.filename.removesuffix(_SUFFIX))
    open_ = partial(_open, archive, member, name)
    if (problem := _problem(member, name, size)) is None:
        try:
            return read_array(name, member.file_size, open_)
        except Unreadable as error:
            problem = f"{name} cannot be read: {error}"
    return StoredArray(name, (), "", open_, problem=problem)


def _problem(member: zipfile.ZipInfo, name: str, size: int) -> str | None:
    """Return why the zip entry of an array cannot be read, from its directory entry; None if no problem is found.

    Args:
        member: Directory entry of the array.
        name: Name of the array, for messages.
        size: Bytes of the archive.
    """
    if member.flag_bits & _ENCRYPTED:
        return f"{name} is encrypted: numpy and trainings read no encrypted archive."
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return f"{name} has a compression that numpy does not use. Save it with numpy.savez_compressed."
    if member.header_offset + member.compress_size > size:
        return f"{name} is cut off: the file ends before the end of the array. Upload the file again."
    ratio = _DEFLATE_RATIO if member.compress_type == zipfile.ZIP_DEFLATED else 1
    if member.file_size > member.compress_size * ratio:
        declared = f"{name} declares {member.file_size:,} bytes"
        return f"{declared}, more than its compressed bytes can contain. Upload the file again."
    return None


@contextmanager
def _open(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Iterator[Stream]:
    with _errors(name), archive.open(member) as stream:
        yield stream


@contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        text = " ".join(str(error).split())[:200]
        raise Unreadable(f"{name} is damaged: zip: {text or type(error).__name__}. Upload it again.") from None
