"""NumPy's npz format: a zip archive of arrays, as numpy.savez writes it."""

import logging
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from epochal_lib.suggestions import close_matches

from epochal_trainer.data.class_names import InvalidClassNames, check_names_array, class_names
from epochal_trainer.data.duplicates import check_distinct_sources
from epochal_trainer.data.formats.npz_names import (
    CLASS_NAME_ARRAYS,
    COMMON_ARRAYS,
    FEATURE_NAME_ARRAYS,
    ROLE_ARRAYS,
    ArrayNames,
    Role,
    rename_advice,
    suggest_renames,
)
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.samples import Array, ClassNames, Samples
from epochal_trainer.data.source import MAX_DEFLATE_RATIO, Content, DataFile, check_dtype
from epochal_trainer.lib import npy
from epochal_trainer.lib.failures import bad_data, is_machine_error

log = logging.getLogger(__name__)

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
MAX_DIRECTORY_SIZE = 1024**2
"""Maximum size in bytes of the archive's directory, enough for thousands of arrays: in memory, a directory takes ten
times as much."""
read_end_record: Any = zipfile._EndRecData  # type: ignore[attr-defined]  # noqa: SLF001
"""The standard library's reader of the end record. zipfile reads as many directory bytes as this record declares."""
DIRECTORY_SIZE_FIELD = 5
MAX_NAMES = 20
MAX_RENAMES = 3
"""Maximum number of arrays for which a message suggests other names."""
MAX_SHOWN = 100
"""Maximum number of characters of an array's name in a message."""


def is_npz(head: bytes) -> bool:
    """Return whether a file with this beginning may be npz."""
    return head.startswith(ZIP_MAGIC)


def read(
    file: DataFile, roles: Sequence[Role], memory: MemoryBudget, other_roles: Collection[Role] = ()
) -> dict[Role, Samples]:
    """Return data sets from an npz file, with weights and names if there are any, in this machine's byte order.

    `roles` select x_train, x_val or x_test if these exist. `other_roles` are the data sets that other objects hold:
    arrays for them in this file are ignored.

    Raises:
        Failure: MissingArrays, UnreadArrays, DuplicateData, UnsupportedType, TruncatedData, DamagedData or
            DataTooLarge.
    """
    try:
        with file.open_seekable(memory) as stream, _open_archive(file, stream) as archive:
            return _Reader(file, archive, memory).read(roles, other_roles)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if is_machine_error(error):
            raise
        raise file.damaged(str(error)) from error
    except EOFError as error:
        raise file.truncated("an array in it has no end", "must be complete") from error


def choose_arrays(names: Iterable[str], role: Role, file_name: str) -> ArrayNames:
    """Return the names of features, labels and weights of a data set. An array of weights may be missing.

    Raises:
        Failure: MissingArrays.
    """
    present = set(names)
    candidates = (ROLE_ARRAYS[role], *COMMON_ARRAYS)
    for arrays in candidates:
        if present.issuperset((arrays.features, arrays.labels)):
            return arrays
    expected = ", or ".join(f"{arrays.features} and {arrays.labels}" for arrays in candidates)
    found = _format_names(present) or "nothing"
    advice = ""
    if renames := suggest_renames(present, {name for arrays in candidates for name in arrays}):
        advice = f": {rename_advice(renames)}"
    elif any(re.fullmatch("arr_[0-9]+", name) for name in present):  # as numpy.savez numbers arrays without names
        advice = ": name them as you save them, numpy.savez(FILE, x=…, y=…)"
    raise bad_data("MissingArrays", f"{file_name} holds {found}: for spec.data.{role} it must hold {expected}{advice}")


def check_unread_arrays(
    names: Iterable[str], chosen: Mapping[Role, ArrayNames], file_name: str, other_roles: Collection[Role] = ()
) -> None:
    """Reject arrays that no part of a job reads, since the user may expect that they are used.

    `chosen` has the names of the arrays to read. `other_roles` are the data sets that other objects hold: arrays for
    them in this file are ignored.

    Raises:
        Failure: UnreadArrays, with the names of unread and read arrays, and advice.
    """
    read, present = {name for arrays in chosen.values() for name in arrays}, set(names)
    unread = present - read - {*CLASS_NAME_ARRAYS, *FEATURE_NAME_ARRAYS}
    if ignored := unread & {name for role in other_roles for name in ROLE_ARRAYS[role]}:
        log.info("%s: ignored %s, since spec.data has other objects for these sets.", file_name, _format_names(ignored))
        unread -= ignored
    if not unread:
        return
    reads = "; ".join(f"spec.data.{role} reads {', '.join(arrays)}" for role, arrays in chosen.items())
    advice = [
        f"set spec.data.{role}.object to {file_name}, to read {arrays.features} and {arrays.labels}"
        for role, arrays in ROLE_ARRAYS.items()
        if role not in chosen and unread.issuperset((arrays.features, arrays.labels))
    ]
    advice += [
        f"{rename_advice(renames)}, and set spec.data.{role}.object to {file_name}"
        for role, arrays in ROLE_ARRAYS.items()
        if role not in {*chosen, *other_roles}
        and {arrays.features, arrays.labels} <= set((renames := suggest_renames(unread, arrays)).values())
    ]
    readable = read if present & {*CLASS_NAME_ARRAYS} else {*read, CLASS_NAME_ARRAYS[0]}
    advice += [
        f"rename {name} to {' or '.join(matches)} to have it read"
        for name in (name[:MAX_SHOWN] for name in sorted(unread)[:MAX_RENAMES])
        if (matches := close_matches(name, sorted(readable - present)))
    ]
    advice.append("remove the unread arrays from the file")
    raise bad_data(
        "UnreadArrays",
        f"{file_name} holds {_format_names(unread)}, which no part of this job reads ({reads}, if present): "
        f"{', or '.join(advice)}",
    )


def _format_names(names: Collection[str]) -> str:
    return ", ".join(name[:MAX_SHOWN] for name in sorted(names)[:MAX_NAMES])


def _open_archive(file: DataFile, stream: BinaryIO) -> zipfile.ZipFile:
    try:
        end = read_end_record(stream)
        if end and (size := end[DIRECTORY_SIZE_FIELD]) > MAX_DIRECTORY_SIZE:
            raise file.damaged(f"its directory takes {size:,} bytes, far more than arrays need")
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, struct.error) as error:
        raise file.truncated(f"zip: {error}", "it must end with the directory of a zip archive") from error


class _Reader:
    """Reads the arrays of an archive within a memory budget."""

    def __init__(self, file: DataFile, archive: zipfile.ZipFile, memory: MemoryBudget) -> None:
        self._file = file
        self._archive = archive
        self._memory = memory
        self._members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}

    def read(self, roles: Sequence[Role], other_roles: Collection[Role]) -> dict[Role, Samples]:
        chosen = {role: choose_arrays(self._members, role, self._file.name) for role in roles}
        check_unread_arrays(self._members, chosen, self._file.name, other_roles)
        check_distinct_sources({role: self._source(names.features) for role, names in chosen.items()})
        classes, columns = self._read_names(CLASS_NAME_ARRAYS), self._read_names(FEATURE_NAME_ARRAYS)
        return {
            role: replace(self._read_samples(names), class_names=classes, feature_names=columns)
            for role, names in chosen.items()
        }

    def _read_samples(self, names: ArrayNames) -> Samples:
        x, y = self._read_numbers(names.features, "features"), self._read_numbers(names.labels, "labels")
        sources = self._source(names.features), self._source(names.labels)
        if names.weights not in self._members:
            return Samples(x, y, *sources)
        weights = self._read_numbers(names.weights, "weights")
        return Samples(x, y, *sources, weights, self._source(names.weights))

    def _read_names(self, arrays: Sequence[str]) -> ClassNames | None:
        """Return the names in the first of these arrays that exists, or their error; None if none exists."""
        name = next((name for name in arrays if name in self._members), None)
        if name is None:
            return None
        try:
            return class_names(self._read_array(name, check_names_array), self._source(name))
        except InvalidClassNames as error:
            return ClassNames(self._source(name), error=str(error))

    def _read_numbers(self, name: str, content: Content) -> Array:
        return self._read_array(name, lambda dtype, _: check_dtype(dtype, self._source(name), content))

    def _read_array(self, name: str, check: Callable[[np.dtype[Any], int], None]) -> Array:
        member, source = self._members[name], self._source(name)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._file.damaged(f"{source} has a compression that numpy does not use")
        max_size = member.compress_size * MAX_DEFLATE_RATIO
        if member.compress_type == zipfile.ZIP_DEFLATED and member.file_size > max_size:
            found = f"{source} declares {member.file_size:,} bytes, more than its part of the file can hold"
            raise self._file.damaged(found)

        def accept(dtype: np.dtype[Any], size: int) -> None:
            check(dtype, size)
            self._memory.reserve(min(size, member.file_size), source)

        with self._archive.open(member) as stream:
            try:
                array = npy.read(stream, member.file_size, accept)
            except ValueError as error:
                raise self._file.damaged(f"{source}: {error}") from error
        native = array.dtype.newbyteorder("=")
        return array if array.dtype == native else array.byteswap(inplace=True).view(native)

    def _source(self, name: str) -> str:
        return f"{self._file.name}[{name}]"
