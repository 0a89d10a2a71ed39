"""Writes arrays of a notebook to npz files for the data bucket: one file for each data set."""

import math
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from epochal_api.text import printable
from epochal_api.trainingjob.network import Input, Network
from epochal_lib.digests import sha256

from epochal.errors import EpochalError
from epochal.notebook.staged import Staged, StagedFile
from epochal.sentences import listed

_ANY = -1
_SINGLE = ("x", "y")
"""Names of the features and the labels, for a network with one input and one output."""
_SCHEME = "s3://"
_DIGITS = 12
_BESIDE = ("sample_weight", "class_names", "feature_names")
"""Prefixes of the names of arrays that a data set may contain besides the network's inputs and outputs."""


def data_sets(
    network: Network, *, data: Any, validation: Any, test: Any, bucket: str, name: str, staged: Staged
) -> dict[str, Any]:
    """Return `spec.data` of a TrainingJob. Arrays are written to npz files, which `submit` uploads.

    Args:
        network: The network, whose inputs and outputs the arrays must fit.
        data: The training set: `(x, y)`, arrays by name, or `"s3://BUCKET/KEY"`; or the complete `spec.data`.
        validation: A fraction of the training set, or a data set like `data`. None means a fifth of the training set,
            and False no validation.
        test: A data set like `data`, or None.
        bucket: Name of the bucket for the arrays.
        name: Name of the TrainingJob, which is also the folder of the arrays in the bucket.
        staged: Receives the npz files.

    Raises:
        EpochalError: If arrays do not fit the network, or a data set has another form.
    """
    if isinstance(data, Mapping) and "bucket" in data and "train" in data:
        if test is not None or validation is not None:
            raise EpochalError(
                "data has the form of spec.data, so the arguments validation and test are not allowed",
                "Write them into data.",
            )
        return dict(data)
    writer = _Writer(network, bucket, name, staged)
    section: dict[str, Any] = {"train": {"object": writer.store("train", data)}}
    if validation is None:
        section["validation"] = {"split": "0.2"}
    elif isinstance(validation, float):
        section["validation"] = {"split": f"{validation:.10f}".rstrip("0")}
    elif validation is not False:
        section["validation"] = {"object": writer.store("validation", validation)}
    if test is not None:
        section["test"] = {"object": writer.store("test", test)}
    return {"bucket": writer.bucket, **section}


class _Writer:
    """Writes the data sets of a TrainingJob to npz files. All data sets must be in one bucket."""

    def __init__(self, network: Network, bucket: str, name: str, staged: Staged) -> None:
        self.bucket = bucket
        self._network = network
        self._name = name
        self._staged = staged
        self._has_stored_objects = False

    def store(self, role: str, data: Any) -> str:
        """Return the key of a data set in the bucket: the key of an s3:// URI, or of a new npz file with the arrays.

        Raises:
            EpochalError: If the arrays do not fit the network, or the data sets are in several buckets.
        """
        if isinstance(data, str):
            return self._key(role, data)
        arrays = named_arrays(self._network, role, data)
        size = sum(array.nbytes for array in arrays.values())
        if size > shutil.disk_usage(self._staged.folder).free:
            raise EpochalError(
                f"{role}: the arrays have {size / 2**20:,.0f} MiB, and {self._staged.folder} has no space for them",
                "Free space, or set TMPDIR to another folder.",
            )
        path = self._staged.folder / f"{role}.npz"
        np.savez(path, allow_pickle=False, **arrays)
        key = f"{self._name}/{role}-{sha256(path)[:_DIGITS]}.npz"
        self._staged.files.append(StagedFile(path, self.bucket, key))
        return key

    def _key(self, role: str, uri: str) -> str:
        bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
        if not uri.startswith(_SCHEME) or not key:
            raise EpochalError(
                f"{role}: found the text {printable(uri[:100])!r}, expected s3://BUCKET/KEY or arrays",
                f'Write "{_SCHEME}{self.bucket}/KEY".',
            )
        if bucket != self.bucket and (self._staged.files or self._has_stored_objects):
            raise EpochalError(
                f"{role}: found the bucket {printable(bucket[:63])}, expected {self.bucket}: all data sets of a "
                "TrainingJob are in one bucket",
                "Copy the object, or choose the bucket of the arrays with bucket=….",
            )
        self.bucket, self._has_stored_objects = bucket, True
        return key


def named_arrays(network: Network, role: str, data: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a data set by their names in an npz file.

    Args:
        network: The network, whose inputs and outputs the arrays must fit.
        role: Name of the data set for messages, such as train.
        data: `(x, y)` or `(x, y, sample_weight)`, whose x and y may be lists or dicts of arrays; or arrays by name.

    Raises:
        EpochalError: If an array is missing, or does not fit the network.
    """
    inputs, outputs = {each.name: each for each in network.input_list}, list(network.output_names)
    is_single = len(inputs) == len(outputs) == 1
    if isinstance(data, Mapping):
        values = dict(data)
    elif isinstance(data, tuple) and len(data) in {2, 3}:
        names = ([_SINGLE[0]], [_SINGLE[1]]) if is_single else (list(inputs), outputs)
        values = _by_name(role, "x", data[0], names[0]) | _by_name(role, "y", data[1], names[1])
        values |= {"sample_weight": data[2]} if len(data) > 2 else {}  # noqa: PLR2004 - as in Keras
    else:
        raise EpochalError(
            f"{role}: found {type(data).__name__}, expected (x, y), a dict of arrays by name, or s3://BUCKET/KEY",
            "Pass data=(x, y).",
        )
    if is_single:
        known = dict(zip(_SINGLE, (*inputs, *outputs), strict=True))
        values = {next((key for key, own in known.items() if own == name), name): each for name, each in values.items()}
        shapes: dict[str, Input | None] = {_SINGLE[0]: next(iter(inputs.values())), _SINGLE[1]: None}
    else:
        shapes = {**inputs, **dict.fromkeys(outputs)}
    beside = {name for name in map(str, values) if name.startswith(_BESIDE)}
    if missing := [name for name in shapes if name not in values]:
        raise EpochalError(
            f"{role}: there is no array {listed(missing)}, found {listed([*map(str, values)])}",
            f"Pass an array for each input and output of the network: {listed([*shapes])}.",
        )
    if unread := [name for name in map(str, values) if name not in shapes and name not in beside]:
        raise EpochalError(
            f"{role}: {listed(unread)} is no input or output of the network: expected {listed([*shapes])}",
            "Leave it out, or rename it.",
        )
    arrays = {name: _array(role, name, value) for name, value in values.items()}
    _check_counts(role, {name: arrays[name] for name in [*shapes, *(beside & {"sample_weight"})]})
    for name, wanted in shapes.items():
        if wanted is not None:
            _check_shape(role, name, arrays[name].shape[1:], wanted.shape)
    return arrays


def _by_name(role: str, argument: str, value: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return the arrays of x or y by name. `value` is an array, a list in the order of `names`, or a dict."""
    if isinstance(value, Mapping):
        return dict(value)
    if len(names) == 1:
        return {names[0]: value}
    if not isinstance(value, list | tuple) or len(value) != len(names):
        found = f"{len(value)} arrays" if isinstance(value, list | tuple) else type(value).__name__
        raise EpochalError(
            f"{role}: found {found} for {argument}, expected {len(names)} arrays: {listed(names)}",
            "Pass a list in this order, or a dict.",
        )
    return dict(zip(names, value, strict=True))


def _array(role: str, name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise EpochalError(f"{role}: {name} is no array: {printable(str(error))[:200]}") from None
    if array.dtype == object and all(isinstance(each, str) for each in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "biufSU":
        raise EpochalError(
            f"{role}: {name} has elements of type {array.dtype}, expected numbers or texts",
            'Convert a table with table.to_numpy("f4"), rows of different lengths by padding.',
        )
    return array


def _check_counts(role: str, arrays: Mapping[str, np.ndarray]) -> None:
    counts = {name: array.shape[0] if array.ndim else 0 for name, array in arrays.items()}
    if len(set(counts.values())) > 1 or 0 in counts.values():
        found = ", ".join(f"{count:,} of {name}" for name, count in counts.items())
        raise EpochalError(f"{role}: found {found}, expected the same number of samples in each", "Check the arrays.")


def _check_shape(role: str, name: str, found: Sequence[int], wanted: Sequence[int]) -> None:
    """Raise EpochalError if the shape of a sample does not fit. The trainer adds a missing last axis of 1."""
    if any(_fits(shape, wanted) for shape in (found, (*found, 1))):
        return
    expected = f"({', '.join('any' if size == _ANY else str(size) for size in wanted)})"
    can_reshape = _ANY not in wanted and math.prod(found) == math.prod(wanted)
    raise EpochalError(
        f"{role}: a sample of {name} has the shape {tuple(found)}, but the network takes {expected}",
        f"Reshape it: {name}.reshape(-1, {', '.join(map(str, wanted))})." if can_reshape else "Check the array.",
    )


def _fits(found: Sequence[int], wanted: Sequence[int]) -> bool:
    return len(found) == len(wanted) and all(size in (_ANY, real) for real, size in zip(found, wanted, strict=True))
