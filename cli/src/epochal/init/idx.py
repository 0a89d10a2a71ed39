"""Inspects idx files, the format of MNIST: each data set has a file of features and a file of labels."""

import gzip
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from epochal.errors import EpochalError
from epochal.init.arrays import MAX_LABEL_BYTES, SAMPLE_BYTES, describe_values
from epochal.init.description import DataDescription, Task
from epochal.init.labels import describe_labels

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_AXES = 8
_GZIP = b"\x1f\x8b"
_FEATURES = re.compile(r"(images|features)", re.IGNORECASE)
_AXES = re.compile(r"idx[0-9]")
_ROLES = {"train": "train", "test": "test", "t10k": "test", "val": "validation", "valid": "validation"}
"""The data set of a file, by a word of the file's name. A file without such a word belongs to the training set."""


class _Pair(NamedTuple):
    features: Path
    labels: Path


def is_idx(path: Path) -> bool:
    """Return whether a file has the format idx, with or without gzip."""
    try:
        with _open(path) as stream:
            return _is_header(stream.read(4))
    except EpochalError:
        return False


def describe_idx(path: Path, task: Task | None = None) -> DataDescription:
    """Return the description of the idx files in a folder.

    Args:
        path: The folder, or one of the two files of the training set in it.
        task: The task of the labels if the user gives it.

    Raises:
        EpochalError: If the training set has no file of labels, several pairs of files could be the same data set, or a
            file is damaged.
    """
    folder = path if path.is_dir() else path.parent
    pairs = _pairs(folder, path)
    if "train" not in pairs or (path != folder and path not in pairs["train"]):
        raise EpochalError(
            f"{path}: an idx file of features needs the file of its labels beside it",
            "Name the files as those of MNIST: train-images-idx3-ubyte and train-labels-idx1-ubyte.",
        )
    shape, sample = _read(pairs["train"].features, SAMPLE_BYTES)
    labels = [_labels(pair.labels) for _, pair in sorted(pairs.items(), key=lambda item: item[0] != "train")]
    if len(labels[0]) != shape[0]:
        raise EpochalError(
            f"{pairs['train'].features} has {shape[0]:,} samples, and {pairs['train'].labels} has {len(labels[0]):,}",
            "The two files must have the same number of samples.",
        )
    objects = {role: {"features": pair.features.name, "labels": pair.labels.name} for role, pair in pairs.items()}
    return DataDescription(
        source=f"{pairs['train'].features.name} and {pairs['train'].labels.name}",
        features=describe_values(sample, shape[1:]),
        labels=describe_labels(labels, str(pairs["train"].labels), task),
        samples=shape[0],
        size=prod(shape) * sample.dtype.itemsize,
        train=objects["train"],
        validation=objects.get("validation"),
        test=objects.get("test"),
        files=tuple(file for role in objects.values() for file in role.values()),
    )


def _pairs(folder: Path, chosen: Path) -> Mapping[str, _Pair]:
    """Return the file of features and the file of labels in a folder for each data set, such as train and test.

    Args:
        folder: The folder.
        chosen: The folder, or a file in it. A file chooses its collection among several, such as letters and digits.

    Raises:
        EpochalError: If several pairs could be the same data set.
    """
    names = {file.name: file for file in folder.iterdir() if file.is_file()}
    order = sorted(names, key=lambda name: (name != chosen.name, name))
    found = dict[str, dict[str, _Pair]]()
    for name in order:
        if not _FEATURES.search(name) or not is_idx(names[name]):
            continue
        pattern = _AXES.sub("idx[0-9]", re.escape(_FEATURES.sub("labels", name)).removesuffix(r"\.gz"))
        labels = next((names[other] for other in order if re.fullmatch(rf"{pattern}(\.gz)?", other)), None)
        if labels is not None:
            role, collection = _role(name)
            found.setdefault(role, {}).setdefault(collection, _Pair(names[name], labels))
    if chosen != folder:
        own = next((each for pairs in found.values() for each, pair in pairs.items() if chosen in pair), None)
        found = {role: {each: pairs[each]} for role, pairs in found.items() for each in pairs if each == own}
    return {role: _only(pairs, role) for role, pairs in found.items()}


def _only(pairs: Mapping[str, _Pair], role: str) -> _Pair:
    first, *others = pairs.values()
    if others:
        raise EpochalError(
            f"{first.features} and {others[0].features} could both be the {role} set",
            "Give the file of the training set instead of the folder, or move the other files.",
        )
    return first


def _role(name: str) -> tuple[str, str]:
    """Return the data set of a file, and the other words of its name, which all data sets of a collection share."""
    words = re.split(r"[^a-z0-9]", name.lower().removesuffix(".gz"))
    word = next((word for word in words if word in _ROLES), "")
    return _ROLES.get(word, "train"), " ".join(each for each in words if each != word)


def _labels(path: Path) -> NDArray[Any]:
    shape, values = _read(path, MAX_LABEL_BYTES)
    if prod(shape) > values.size:
        raise EpochalError(f"{path} has more than {MAX_LABEL_BYTES / 2**20:.0f} MiB of labels", "Use a smaller type.")
    return values.reshape(shape)


def _read(path: Path, limit: int) -> tuple[tuple[int, ...], NDArray[Any]]:
    """Return the shape of the array in an idx file, and its first values, at most `limit` bytes."""
    with _open(path) as stream:
        head = stream.read(4)
        if not _is_header(head):
            raise EpochalError(f"{path} is no idx file: it begins with {head!r}", "Fetch the file again.")
        axes = stream.read(4 * head[3])
        if len(axes) < 4 * head[3]:
            raise EpochalError(f"{path} is truncated within its header", "Fetch the file again.")
        shape = struct.unpack(f">{head[3]}I", axes)
        dtype = np.dtype(TYPES[head[2]])
        expected = min(prod(shape), limit // dtype.itemsize) * dtype.itemsize
        content = stream.read(expected)
    if len(content) < expected:
        raise EpochalError(
            f"{path} is truncated: it has only {len(content):,} bytes of values", "Fetch the file again."
        )
    return shape, np.frombuffer(content, dtype)


def _is_header(head: bytes) -> bool:
    return len(head) == 4 and head[:2] == b"\0\0" and head[2] in TYPES and 1 <= head[3] <= _MAX_AXES  # noqa: PLR2004


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            is_gzipped = file.read(2) == _GZIP
        with gzip.open(path) if is_gzipped else path.open("rb") as stream:
            yield cast("IO[bytes]", stream)
    except (OSError, EOFError, zlib.error) as error:
        raise EpochalError(f"cannot read {path}: {error}", "Fetch the file again.") from None
