"""NumPy's npz format: a zip archive of arrays, as numpy.savez writes it."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from epochal_api.array_names import ArrayNames, Role

from epochal_trainer.data.arrays import Array
from epochal_trainer.data.class_names import InvalidNames, check_names_array, parse_names
from epochal_trainer.data.duplicates import check_distinct_sources
from epochal_trainer.data.formats.npz_choice import check_separate_arrays, check_unread_arrays, choose_arrays
from epochal_trainer.data.formats.npz_names import class_name_arrays, column_name_arrays
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.network_arrays import SINGLE, NetworkArrays
from epochal_trainer.data.samples import NamesArray, Samples, SourceArray
from epochal_trainer.data.source import MAX_DEFLATE_RATIO, Content, DataFile, check_dtype
from epochal_trainer.data.texts import TEXT_BYTES, check_text_dtype, check_texts
from epochal_trainer.lib import npy
from epochal_trainer.lib.failures import is_machine_error

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
MAX_DIRECTORY_SIZE = 1024**2
"""Maximum size in bytes of the archive's directory, enough for thousands of arrays. A larger directory is refused: in
memory, it takes ten times as much."""
read_end_record: Any = zipfile._EndRecData  # type: ignore[attr-defined]  # noqa: SLF001
"""The standard library's function that reads a zip's end record, which declares the size of the directory."""
DIRECTORY_SIZE_FIELD = 5


def is_npz(head: bytes) -> bool:
    """Return whether a file that begins with these bytes may be an npz file, which is a zip archive."""
    return head.startswith(ZIP_MAGIC)


def read(
    file: DataFile,
    roles: Sequence[Role],
    memory: MemoryBudget,
    other_roles: Collection[Role] = (),
    network: NetworkArrays = SINGLE,
) -> dict[Role, Samples]:
    """Return data sets from an npz file, with sample weights, class names and column names if there are any.

    Args:
        file: The file.
        roles: The data sets to read, from arrays such as x_train and y_train, or else x and y.
        memory: Memory budget of the arrays.
        other_roles: The data sets that spec.data reads from other objects. Their arrays in this file are ignored.
        network: The inputs and outputs of the network. With several inputs or outputs, arrays have their names.

    Raises:
        Failure: MissingArrays, UnreadArrays, DuplicateData, UnsupportedType, InvalidData, TruncatedData, DamagedData or
            DataTooLarge.
    """
    try:
        with file.open_seekable(memory) as stream, _open_archive(file, stream) as archive:
            return _Reader(file, archive, memory, network).read(roles, other_roles)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if is_machine_error(error):
            raise
        raise file.damaged(str(error)) from error
    except EOFError as error:
        raise file.truncated("an array in the npz file is incomplete", "all arrays must be complete") from error


def _open_archive(file: DataFile, stream: BinaryIO) -> zipfile.ZipFile:
    try:
        end = read_end_record(stream)
        if end and (size := end[DIRECTORY_SIZE_FIELD]) > MAX_DIRECTORY_SIZE:
            raise file.damaged(f"the zip directory takes {size:,} bytes, far more than arrays need")
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, struct.error) as error:
        raise file.truncated(f"zip: {error}", "the file must end with the directory of a zip archive") from error


class _Reader:
    """Reads the arrays of an archive within a memory budget, for the inputs and outputs of a network."""

    def __init__(self, file: DataFile, archive: zipfile.ZipFile, memory: MemoryBudget, network: NetworkArrays) -> None:
        self._network = network
        self._file = file
        self._archive = archive
        self._memory = memory
        self._members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}

    def read(self, roles: Sequence[Role], other_roles: Collection[Role]) -> dict[Role, Samples]:
        names, network = self._members, self._network
        chosen = {role: choose_arrays(names, role, self._file.name, network) for role in roles}
        check_separate_arrays(chosen, self._file.name)
        check_unread_arrays(names, chosen, self._file.name, other_roles, network)
        check_distinct_sources({role: self._source(arrays.inputs[0]) for role, arrays in chosen.items()}, network)
        classes = {output: self._read_names(class_name_arrays(network, output)) for output in network.outputs}
        columns = {name: self._read_names(column_name_arrays(network, name)) for name in network.inputs}
        samples = {role: self._read_samples(arrays) for role, arrays in chosen.items()}
        return {
            role: replace(each, inputs=_with_names(each.inputs, columns), outputs=_with_names(each.outputs, classes))
            for role, each in samples.items()
        }

    def _read_samples(self, names: ArrayNames) -> Samples:
        network = self._network
        inputs = {
            key: self._read_text(name) if key in network.texts else self._read_numbers(name, "features")
            for key, name in zip(network.inputs, names.inputs, strict=True)
        }
        outputs = {
            key: self._read_numbers(name, "labels") for key, name in zip(network.outputs, names.outputs, strict=True)
        }
        name = names.weights
        weights = self._read_numbers(name, "weights") if name is not None and name in self._members else None
        if weights is not None:  # Each output gets weights of its own shape.
            self._memory.reserve((len(network.outputs) - 1) * weights.values.nbytes, weights.source)
        return Samples(inputs, outputs, {} if weights is None else dict.fromkeys(network.outputs, weights))

    def _read_names(self, arrays: Sequence[str]) -> NamesArray | None:
        """Return the names from the first array in `arrays` that the file has; None if the file has no such array.

        If the array is invalid, the result has an error in place of names.
        """
        name = next((name for name in arrays if name in self._members), None)
        if name is None:
            return None
        try:
            return parse_names(self._read_array(name, check_names_array), self._source(name))
        except InvalidNames as error:
            return NamesArray(self._source(name), error=str(error))

    def _read_numbers(self, name: str, content: Content) -> SourceArray:
        source = self._source(name)
        return SourceArray(self._read_array(name, lambda dtype, _: check_dtype(dtype, source, content)), source)

    def _read_text(self, name: str) -> SourceArray:
        source = self._source(name)

        def check(dtype: np.dtype[Any], size: int) -> None:
            check_text_dtype(dtype, source)
            self._memory.reserve(size // dtype.itemsize * TEXT_BYTES, source)

        texts = self._read_array(name, check)
        check_texts(texts, source)
        return SourceArray(texts, source)

    def _read_array(self, name: str, check: Callable[[np.dtype[Any], int], None]) -> Array:
        member, source = self._members[name], self._source(name)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._file.damaged(f"{source} has a compression method that numpy does not use")
        max_size = member.compress_size * MAX_DEFLATE_RATIO
        if member.compress_type == zipfile.ZIP_DEFLATED and member.file_size > max_size:
            found = f"{source} declares {member.file_size:,} bytes, more than its compressed bytes can expand to"
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


def _with_names(arrays: Mapping[str, SourceArray], names: Mapping[str, NamesArray | None]) -> dict[str, SourceArray]:
    return {key: replace(array, names=names[key]) for key, array in arrays.items()}
