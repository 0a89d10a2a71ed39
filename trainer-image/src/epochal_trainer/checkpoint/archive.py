"""A checkpoint as one file: an uncompressed zip of `state.json` and arrays. All content is validated on reading."""

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
from epochal_trainer.data.arrays import Array
from epochal_trainer.lib import npy
from epochal_trainer.lib.failures import Failure, bad_spec, is_machine_error

_STATE = "state.json"
_ARRAY = ".npy"

_NUMBERS = "biufc"
"""Kinds (`dtype.kind`) of the arrays in a checkpoint: booleans and numbers. Text is refused."""


class UnreadableCheckpoint(Exception):
    """The error for a checkpoint file that is missing, damaged or incomplete. The message is the cause."""


class _FormatHeader(Model):
    model_config = ConfigDict(extra="ignore")

    format: int


def size(arrays: Mapping[str, Array]) -> int:
    """Return an upper estimate of the bytes of a checkpoint file with these arrays."""
    return sum(array.nbytes + 512 for array in arrays.values()) + 1024**2


def write(path: Path, arrays: Mapping[str, Array], state: State | None = None) -> None:
    """Write a checkpoint file. Without a state, files with equal arrays have equal bytes.

    Args:
        path: The file.
        arrays: The arrays by name.
        state: The content of `state.json`, which describes the arrays. None for a file without `state.json`, such as
            best.zip, whose arrays the checkpoint describes.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        if state is not None:
            types = {name: array.dtype.name for name, array in arrays.items() if _ml_dtype(array.dtype.name)}
            archive.writestr(_STATE, state.model_copy(update={"array_types": types}).model_dump_json())
        for name, array in arrays.items():
            storable = array.view(_storage_dtype(array.dtype)) if _ml_dtype(array.dtype.name) else array
            with archive.open(f"{name}{_ARRAY}", "w", force_zip64=True) as file:
                npy.write(file, storable)


def read(path: Path) -> tuple[State, dict[str, Array]]:
    """Return the state of the training and the arrays by name. They need at most as much memory as the file has bytes.

    Raises:
        UnreadableCheckpoint: If the file is no checkpoint, or is damaged.
        Failure: CheckpointTooNew, if a later version wrote the file.
    """
    with _open(path) as archive:
        state = parse(archive.read(_STATE))
        arrays = _read_arrays(archive)
    _set_types(arrays, state.array_types)
    return state, arrays


def read_arrays(path: Path, described: Mapping[str, VariableState]) -> dict[str, Array]:
    """Return the arrays of a file that `write` wrote without a state, as `described` lists them by name.

    Raises:
        UnreadableCheckpoint: If an array is missing or has another shape or type, or the file is damaged.
    """
    with _open(path) as archive:
        arrays = _read_arrays(archive)
    _set_types(arrays, {name: state.dtype for name, state in described.items() if _ml_dtype(state.dtype)})
    check_arrays(arrays, described)
    return {name: arrays[name] for name in described}


def check_arrays(arrays: Mapping[str, Array], described: Mapping[str, VariableState]) -> None:
    """Check that arrays have the shapes and types of their descriptions.

    Raises:
        UnreadableCheckpoint: If an array is missing, or has another shape or type.
    """
    for name, expected in described.items():
        array = arrays.get(name)
        if array is None or (array.shape, array.dtype.name) != (expected.shape, expected.dtype):
            found = "nothing" if array is None else f"shape {array.shape} and type {array.dtype}"
            raise UnreadableCheckpoint(
                f"the value of {expected.path} has {found}, expected shape {expected.shape} and type {expected.dtype}"
            )


def parse(text: bytes) -> State:
    """Parse the text of `state.json`.

    Raises:
        UnreadableCheckpoint: If the text is not a valid state.
        Failure: CheckpointTooNew, if a later version wrote the text.
    """
    try:
        found = _FormatHeader.model_validate_json(text).format
        if found > FORMAT:
            raise too_new(found)
        return State.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        cause = f"{field}: {first['msg']}" if field else first["msg"]
        raise UnreadableCheckpoint(f"the checkpoint's {_STATE} is damaged: {cause}") from error


def too_new(found: int) -> Failure:
    """Return the failure CheckpointTooNew for a checkpoint of format `found` from a later version of Epochal."""
    return bad_spec(
        "CheckpointTooNew",
        f"the checkpoints have format {found}, and this trainer reads format {FORMAT}: use the image of the later "
        "version of Epochal that wrote them",
    )


@contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose content takes no more memory than the file has bytes.

    Errors inside the context become `UnreadableCheckpoint`, except errors of the machine, such as a full disk.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive.infolist(), path.stat().st_size)
            yield archive
    except (Failure, UnreadableCheckpoint):
        raise
    except Exception as error:  # zipfile and NumPy raise many kinds of errors for damage
        if is_machine_error(error):
            raise
        raise UnreadableCheckpoint(f"the checkpoint file is damaged: {error or type(error).__name__}") from error


def _check_entries(entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size for entry in entries):
        raise UnreadableCheckpoint("the checkpoint file is compressed, but must be uncompressed")
    if sum(entry.file_size for entry in entries) > size:
        raise UnreadableCheckpoint("the entries of the checkpoint file declare more bytes than the file has")
    if len({entry.filename for entry in entries}) < len(entries):
        raise UnreadableCheckpoint("the checkpoint file has duplicate entries")


def _read_arrays(archive: zipfile.ZipFile) -> dict[str, Array]:
    names = [name for name in archive.namelist() if name.endswith(_ARRAY)]
    return {name.removesuffix(_ARRAY): _read_array(archive, name) for name in names}


def _read_array(archive: zipfile.ZipFile, name: str) -> Array:
    def check_dtype(dtype: np.dtype[Any], size: int) -> None:
        del size
        if dtype.kind not in _NUMBERS:
            raise UnreadableCheckpoint(f"the checkpoint file's array {name} has type {dtype}, expected numbers")

    with archive.open(name) as file:
        return npy.read(file, archive.getinfo(name).file_size, check_dtype)


def _set_types(arrays: dict[str, Array], types: Mapping[str, str]) -> None:
    """Restore the types of arrays that were stored as unsigned integers. `types` has the types by array name."""
    for name, kind in types.items():
        if name not in arrays:
            raise UnreadableCheckpoint(f"the checkpoint file lacks the array {name}")
        found = _ml_dtype(kind)
        if found is None or _storage_dtype(found) != arrays[name].dtype:
            raise UnreadableCheckpoint(f"the checkpoint file's array {name} has the unknown type {kind}")
        arrays[name] = arrays[name].view(found)


def _ml_dtype(name: str) -> np.dtype[Any] | None:
    """Return the type of the package ml_dtypes with a name, such as bfloat16, or None if it has no such type."""
    found = getattr(ml_dtypes, name, None)
    return np.dtype(found) if isinstance(found, type) and issubclass(found, np.generic) else None


def _storage_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}")
