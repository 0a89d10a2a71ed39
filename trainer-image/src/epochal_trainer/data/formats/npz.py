"""NumPy's npz format: a zip archive of arrays, as numpy.savez writes it."""

import logging
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from epochal_lib.suggestions import close_matches

from epochal_trainer.data.class_names import class_names, unreadable
from epochal_trainer.data.distinct import check_sources
from epochal_trainer.data.formats.npz_names import CLASSES, COMMON, OWN, Names, Role, corrections, rename_advice
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array, ClassNames, Samples
from epochal_trainer.data.source import DENSEST, Source, supported
from epochal_trainer.lib import npy
from epochal_trainer.lib.failures import bad_data, is_machine_error

log = logging.getLogger(__name__)

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
MOST_DIRECTORY = 1024**2
"""Maximum size in bytes of the archive's directory, enough for thousands of arrays: in memory, a directory takes ten
times as much."""
end_of: Any = zipfile._EndRecData  # type: ignore[attr-defined]  # noqa: SLF001
"""The standard library's reader of the end record. zipfile reads as many directory bytes as this record declares."""
DIRECTORY_SIZE = 5
NAMED = 20
RENAMED = 3
"""Maximum number of arrays for which a message suggests other names."""
SHOWN = 100
"""Maximum number of characters of an array's name in a message."""


def is_npz(head: bytes) -> bool:
    """Return whether a file with this beginning may be npz."""
    return head.startswith(ZIP)


def read(
    source: Source, roles: Sequence[Role], memory: Memory, elsewhere: Collection[Role] = ()
) -> dict[Role, Samples]:
    """Read data sets from an npz file.

    Args:
        source: The file.
        roles: The data sets to read, which select x_train, x_val or x_test if these exist.
        memory: Memory budget of the arrays.
        elsewhere: The data sets that other objects hold: arrays for them in this file are ignored.

    Returns:
        Features and labels, with weights and class names if there are any, in this machine's byte order.

    Raises:
        Failure: MissingArrays, UnreadArrays, DuplicateData, UnsupportedType, TruncatedData, DamagedData or
            DataTooLarge.
    """
    try:
        with source.seekable(memory) as file, _archive(source, file) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            chosen = {role: choose(members, role, source.name) for role in roles}
            check_unread(members, chosen, source.name, elsewhere)
            check_sources({role: f"{source.name}[{names.features}]" for role, names in chosen.items()})
            names_of_classes = _class_names(source, archive, members, memory)

            def samples(names: Names) -> Samples:
                found = {
                    f"{source.name}[{name}]": _numbers(source, archive, members[name], memory)
                    for name in names
                    if name in members
                }
                (x, features), (y, labels), *rest = found.items()
                weights_name, weights = rest[0] if rest else ("", None)
                return Samples(features, labels, x, y, weights, weights_name, names_of_classes)

            return {role: samples(names) for role, names in chosen.items()}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if is_machine_error(error):
            raise
        raise source.damaged(str(error)) from error
    except EOFError as error:
        raise source.truncated("an array in it has no end", "must be whole") from error


def choose(names: Iterable[str], role: Role, source_name: str) -> Names:
    """Choose the arrays of a data set by their names.

    Args:
        names: Names of all arrays in the file.
        role: Role of the data set.
        source_name: The file, for messages.

    Returns:
        The names of features, labels and weights. An array of weights may be missing.

    Raises:
        Failure: MissingArrays.
    """
    known = set(names)
    sets = (OWN[role], *COMMON)
    for each in sets:
        if known.issuperset((each.features, each.labels)):
            return each
    expected = ", or ".join(f"{each.features} and {each.labels}" for each in sets)
    found = _listed(known) or "nothing"
    advice = ""
    if renames := corrections(known, {name for each in sets for name in each}):
        advice = f": {rename_advice(renames)}"
    elif any(re.fullmatch("arr_[0-9]+", name) for name in known):  # as numpy.savez numbers arrays without names
        advice = ": name them as you save them, numpy.savez(FILE, x=…, y=…)"
    raise bad_data(
        "MissingArrays", f"{source_name} holds {found}: for spec.data.{role} it must hold {expected}{advice}"
    )


def check_unread(
    names: Iterable[str], chosen: Mapping[Role, Names], source_name: str, elsewhere: Collection[Role] = ()
) -> None:
    """Reject arrays that no part of a job reads, since the user may expect that they are used.

    Args:
        names: Names of all arrays in the file.
        chosen: Names of the arrays to read, by role.
        source_name: The file, for messages.
        elsewhere: The data sets that other objects hold: the spec excludes arrays for them in this file.

    Raises:
        Failure: UnreadArrays, with the names of unread and read arrays, and advice.
    """
    read, there = {name for each in chosen.values() for name in each}, set(names)
    unread = there - read - {*CLASSES}
    if left := unread & {name for role in elsewhere for name in OWN[role]}:
        log.info("%s: %s are left, since spec.data names other objects for that.", source_name, _listed(left))
        unread -= left
    if not unread:
        return
    reads = "; ".join(f"spec.data.{role} reads {', '.join(each)}" for role, each in chosen.items())
    advice = [
        f"name {source_name} as spec.data.{role}.object, to read {each.features} and {each.labels}"
        for role, each in OWN.items()
        if role not in chosen and unread.issuperset((each.features, each.labels))
    ]
    advice += [
        f"{rename_advice(renames)}, and name {source_name} as spec.data.{role}.object"
        for role, each in OWN.items()
        if role not in {*chosen, *elsewhere}
        and {each.features, each.labels} <= set((renames := corrections(unread, each)).values())
    ]
    known = read if there & {*CLASSES} else {*read, CLASSES[0]}
    advice += [
        f"rename {name} to {' or '.join(near)}, if that is what it is"
        for name in (name[:SHOWN] for name in sorted(unread)[:RENAMED])
        if (near := close_matches(name, sorted(known - there)))
    ]
    advice.append("save the file without what no part of the job is to read")
    raise bad_data(
        "UnreadArrays",
        f"{source_name} holds {_listed(unread)}, which no part of this job reads ({reads}, where it is there): "
        f"{', or '.join(advice)}",
    )


def _listed(names: Collection[str]) -> str:
    return ", ".join(name[:SHOWN] for name in sorted(names)[:NAMED])


def _archive(source: Source, file: BinaryIO) -> zipfile.ZipFile:
    try:
        end = end_of(file)
        if end and (size := end[DIRECTORY_SIZE]) > MOST_DIRECTORY:
            raise source.damaged(f"its directory takes {size:,} bytes, far more than arrays need")
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, struct.error) as error:
        raise source.truncated(f"zip: {error}", "it must end with the directory of a zip archive") from error


def _numbers(source: Source, archive: zipfile.ZipFile, member: zipfile.ZipInfo, memory: Memory) -> Array:
    return _array(source, archive, member, memory, lambda dtype, _: supported(dtype, _name_of(source, member)))


class _Unread(Exception):
    """The error for an array of class names that is not read. The message is the reason."""


def _class_names(
    source: Source, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], memory: Memory
) -> ClassNames | None:
    """Return the class names or their error; None if there are none."""
    member = next((members[name] for name in CLASSES if name in members), None)
    if member is None:
        return None

    def accept(dtype: np.dtype[Any], size: int) -> None:
        if fault := unreadable(dtype, size):
            raise _Unread(fault)

    try:
        return class_names(_array(source, archive, member, memory, accept), _name_of(source, member))
    except _Unread as error:
        return ClassNames(_name_of(source, member), fault=str(error))


def _name_of(source: Source, member: zipfile.ZipInfo) -> str:
    return f"{source.name}[{member.filename.removesuffix('.npy')}]"


def _array(
    source: Source,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    memory: Memory,
    check: Callable[[np.dtype[Any], int], object],
) -> Array:
    name = _name_of(source, member)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise source.damaged(f"{name} is compressed in a way that numpy never does")
    if member.compress_type == zipfile.ZIP_DEFLATED and member.file_size > member.compress_size * DENSEST:
        raise source.damaged(f"{name} claims {member.file_size:,} bytes, more than its part of the file can hold")

    def accept(dtype: np.dtype[Any], size: int) -> None:
        check(dtype, size)
        memory.reserve(min(size, member.file_size), name)

    with archive.open(member) as stream:
        try:
            array = npy.read(stream, member.file_size, accept)
        except ValueError as error:
            raise source.damaged(f"{name}: {error}") from error
    native = array.dtype.newbyteorder("=")
    return array if array.dtype == native else array.byteswap(inplace=True).view(native)
