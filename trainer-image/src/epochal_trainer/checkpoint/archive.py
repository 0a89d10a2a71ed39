"""A checkpoint as one file: an uncompressed zip of `state.json` and arrays. The reader trusts nothing in the file."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from epochal_api.model import Model
from pydantic import ConfigDict, ValidationError

from epochal_trainer.checkpoint.state import FORMAT, State, VariableState
from epochal_trainer.data.samples import Array
from epochal_trainer.lib import npy
from epochal_trainer.lib.failures import Failure, bad_spec, of_the_machine

_STATE = "state.json"
_ARRAY = ".npy"

_NUMBERS = "biufc"
"""Kinds of NumPy types that an array may have, booleans included. A text could be mistaken for a path."""


class Unreadable(Exception):
    """The error for a checkpoint that is missing or damaged. The message names the cause."""


class _Head(Model):
    model_config = ConfigDict(extra="ignore")

    format: int


def size(arrays: Mapping[str, Array]) -> int:
    """Return the approximate size in bytes of a file that holds these arrays."""
    return sum(array.nbytes + 512 for array in arrays.values()) + 1024**2


def write(path: Path, arrays: Mapping[str, Array], state: State | None = None) -> None:
    """Write a checkpoint file. Equal arrays give equal bytes.

    Args:
        path: The file.
        arrays: The arrays by name.
        state: The state of the training, without the arrays; None if another file describes the arrays.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        if state is not None:
            bits = {name: array.dtype.name for name, array in arrays.items() if _ml_dtype(array.dtype.name)}
            archive.writestr(_STATE, state.model_copy(update={"bits": bits}).model_dump_json())
        for name, array in arrays.items():
            plain = array.view(_carrier(array.dtype)) if _ml_dtype(array.dtype.name) else array
            with archive.open(f"{name}{_ARRAY}", "w", force_zip64=True) as file:
                npy.write(file, plain)


def read(path: Path) -> tuple[State, dict[str, Array]]:
    """Read a checkpoint file, with at most as much memory as the file has bytes.

    Args:
        path: The file.

    Returns:
        The state of the training without the arrays, and the arrays by name.

    Raises:
        Unreadable: If the file is no checkpoint, or is damaged.
        Failure: CheckpointTooNew, if a later version wrote the file.
    """
    with _open(path) as archive:
        state = parse(archive.read(_STATE))
        arrays = _read_arrays(archive)
    _set_types(arrays, state.bits)
    return state, arrays


def read_arrays(path: Path, described: Mapping[str, VariableState]) -> dict[str, Array]:
    """Read a file that `write` wrote without a state, within the same limits as `read`.

    Args:
        path: The file.
        described: The expected arrays, by name.

    Raises:
        Unreadable: If the file does not hold the expected arrays, or is damaged.
    """
    with _open(path) as archive:
        arrays = _read_arrays(archive)
    _set_types(arrays, {name: each.dtype for name, each in described.items() if _ml_dtype(each.dtype)})
    check(arrays, described)
    return {name: arrays[name] for name in described}


def check(arrays: Mapping[str, Array], described: Mapping[str, VariableState]) -> None:
    """Check that arrays have the shapes and types of their descriptions.

    Args:
        arrays: The arrays by name.
        described: Descriptions of some of the arrays, by name.

    Raises:
        Unreadable: If an array is missing, or has another shape or type.
    """
    for name, should in described.items():
        array = arrays.get(name)
        if array is None or (array.shape, array.dtype.name) != (should.shape, should.dtype):
            found = "nothing" if array is None else f"shape {array.shape} and type {array.dtype}"
            raise Unreadable(
                f"the value of {should.path} has {found}, and should have shape {should.shape} and type {should.dtype}"
            )


def parse(text: bytes) -> State:
    """Parse the text of `state.json`.

    Raises:
        Unreadable: If the text is not a valid state.
        Failure: CheckpointTooNew, if a later version wrote the text.
    """
    try:
        found = _Head.model_validate_json(text).format
        if found > FORMAT:
            raise too_new(found)
        return State.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"its {_STATE} is damaged: {where or 'it'}: {first['msg']}") from error


def too_new(found: int) -> Failure:
    """Return the failure for a checkpoint that a later version wrote."""
    return bad_spec(
        "CheckpointTooNew",
        f"the checkpoints there have format {found}, and this trainer reads format {FORMAT}: a later version of "
        "Epochal wrote them, so use its image",
    )


@contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose content takes no more memory than the file has bytes.

    Errors caused by damage become `Unreadable`. Errors of memory and disk pass.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive.infolist(), path.stat().st_size)
            yield archive
    except (Failure, Unreadable):
        raise
    except Exception as error:  # zipfile and NumPy raise many kinds of errors for damage
        if of_the_machine(error):
            raise
        raise Unreadable(f"it is damaged: {error or type(error).__name__}") from error


def _check_entries(entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size for entry in entries):
        raise Unreadable("it is compressed, and checkpoints are not")
    if sum(entry.file_size for entry in entries) > size:
        raise Unreadable("it claims to hold more than it has bytes")
    if len({entry.filename for entry in entries}) < len(entries):
        raise Unreadable("it holds an entry twice")


def _read_arrays(archive: zipfile.ZipFile) -> dict[str, Array]:
    names = [name for name in archive.namelist() if name.endswith(_ARRAY)]
    return {name.removesuffix(_ARRAY): _read_array(archive, name) for name in names}


def _read_array(archive: zipfile.ZipFile, name: str) -> Array:
    def accept(dtype: np.dtype[Any], size: int) -> None:
        del size
        if dtype.kind not in _NUMBERS:
            raise Unreadable(f"its array {name} holds {dtype}, and only numbers are read")

    with archive.open(name) as file:
        return npy.read(file, archive.getinfo(name).file_size, accept)


def _set_types(arrays: dict[str, Array], bits: Mapping[str, str]) -> None:
    """Restore the types of arrays that are stored as unsigned integers, by array name."""
    for name, kind in bits.items():
        if name not in arrays:
            raise Unreadable(f"it lacks the array {name}")
        found = _ml_dtype(kind)
        if found is None or _carrier(found) != arrays[name].dtype:
            raise Unreadable(f"it holds an array of type {kind}, which is not known here")
        arrays[name] = arrays[name].view(found)


def _ml_dtype(name: str) -> np.dtype[Any] | None:
    """Return the type of ml_dtypes with a name. NumPy's file format lacks these types, such as bfloat16."""
    found = getattr(ml_dtypes, name, None)
    return np.dtype(found) if isinstance(found, type) and issubclass(found, np.generic) else None


def _carrier(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}")
