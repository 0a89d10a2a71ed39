"""The npz format of numpy: a zip archive of arrays, as numpy.savez writes it."""

import struct
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np

from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array, Samples
from epochal_trainer.data.source import DENSEST, Source, supported
from epochal_trainer.lib import npy
from epochal_trainer.lib.failures import bad_data, of_the_machine

Role: TypeAlias = Literal["train", "validation", "test"]

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
OWN: dict[Role, tuple[str, str]] = {
    "train": ("x_train", "y_train"),
    "validation": ("x_val", "y_val"),
    "test": ("x_test", "y_test"),
}
COMMON = (("x", "y"), ("features", "labels"))
MOST_DIRECTORY = 1024**2
"""Bytes of the archive's directory, enough for thousands of arrays: a directory takes ten times as much in memory."""
end_of: Any = zipfile._EndRecData  # type: ignore[attr-defined]  # noqa: SLF001
"""What the standard library itself goes by: it reads as much of a directory as is said here."""
DIRECTORY_SIZE = 5
NAMED = 20
SHOWN = 100
"""Characters of an array's name in a message."""


def is_npz(head: bytes) -> bool:
    """Whether a file that begins so may be npz."""
    return head.startswith(ZIP)


def read(source: Source, role: Role, memory: Memory) -> Samples:
    """Reads a data set out of an npz file; other arrays in it are not touched.

    Args:
        source: The file.
        role: What the data set is for, which decides between x_train, x_val and x_test where these are there.
        memory: What the arrays may take.

    Returns:
        Features and labels, in this machine's byte order.

    Raises:
        Failure: MissingArrays, UnsupportedType, TruncatedData, DamagedData or DataTooLarge.
    """
    try:
        with source.seekable(memory) as file, _archive(source, file) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            x, y = choose(members, role, source.name)
            features = _array(source, archive, members[x], f"{source.name}[{x}]", memory)
            labels = _array(source, archive, members[y], f"{source.name}[{y}]", memory)
            return Samples(features, labels, f"{source.name}[{x}]", f"{source.name}[{y}]")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if of_the_machine(error):
            raise
        raise source.damaged(str(error)) from error
    except EOFError as error:
        raise source.truncated("an array in it has no end", "must be whole") from error


def choose(names: Iterable[str], role: Role, source_name: str) -> tuple[str, str]:
    """Chooses the arrays of a data set by their names.

    Args:
        names: Of all arrays in the file.
        role: What the data set is for.
        source_name: The file, for messages.

    Returns:
        The names of features and labels.

    Raises:
        Failure: MissingArrays.
    """
    known = set(names)
    pairs = (OWN[role], *COMMON)
    for pair in pairs:
        if known.issuperset(pair):
            return pair
    wanted = ", or ".join(f"{x} and {y}" for x, y in pairs)
    found = ", ".join(name[:SHOWN] for name in sorted(known)[:NAMED]) or "nothing"
    raise bad_data("MissingArrays", f"{source_name} holds {found}: for spec.data.{role} it must hold {wanted}")


def _archive(source: Source, file: BinaryIO) -> zipfile.ZipFile:
    try:
        end = end_of(file)
        if end and (size := end[DIRECTORY_SIZE]) > MOST_DIRECTORY:
            raise source.damaged(f"its directory takes {size:,} bytes, far more than arrays need")
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, struct.error) as error:
        raise source.truncated(f"zip: {error}", "it must end with the directory of a zip archive") from error


def _array(source: Source, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, memory: Memory) -> Array:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise source.damaged(f"{name} is compressed in a way that numpy never does")
    if member.compress_type == zipfile.ZIP_DEFLATED and member.file_size > member.compress_size * DENSEST:
        raise source.damaged(f"{name} claims {member.file_size:,} bytes, more than its part of the file can hold")

    def accept(dtype: np.dtype[Any], size: int) -> None:
        supported(dtype, name)
        memory.reserve(min(size, member.file_size), name)

    with archive.open(member) as stream:
        try:
            array = npy.read(stream, member.file_size, accept)
        except ValueError as error:
            raise source.damaged(f"{name}: {error}") from error
    native = array.dtype.newbyteorder("=")
    return array if array.dtype == native else array.byteswap(inplace=True).view(native)
