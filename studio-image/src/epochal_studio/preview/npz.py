"""numpy's npz format: a zip archive of arrays, read by the module zipfile through requests for parts of the object."""

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
"""Bytes at the end of the file that are read at once: the directory, unless it has thousands of entries."""
_SUFFIX = ".npy"
_ENCRYPTED = 0x1
_DEFLATE_RATIO = 1032
"""Maximum number of bytes that a byte of a deflate stream expands to: https://zlib.net/zlib_tech.html"""
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
    """Return the first arrays of an archive, and the number of its arrays.

    Args:
        file: The archive.

    Raises:
        Unreadable: If it is no complete archive, or its directory is too large.
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
    """Return why a member of an archive of `size` bytes cannot be read; None if it may be an array."""
    if member.flag_bits & _ENCRYPTED:
        return f"{name} is encrypted: numpy and trainings read no encrypted archive."
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return f"{name} has a compression that numpy does not use. Save it with numpy.savez_compressed."
    if member.header_offset + member.compress_size > size:
        return f"{name} is cut off: it ends after the end of the file. Upload it again."
    ratio = _DEFLATE_RATIO if member.compress_type == zipfile.ZIP_DEFLATED else 1
    if member.file_size > member.compress_size * ratio:
        declared = f"{name} declares {member.file_size:,} bytes"
        return f"{declared}, more than its part of the file can hold. Upload it again."
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
