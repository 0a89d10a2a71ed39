"""Inspects npz files: the names, shapes and types of the arrays, all labels, and the first values of the features."""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from epochal.errors import EpochalError
from epochal.init.description import DataDescription, Features, Task
from epochal.init.labels import describe_labels
from epochal.sentences import listed

MAX_LABEL_BYTES = 256 * 2**20
"""Maximum bytes of an array of labels, which is read completely. A larger array is refused."""
SAMPLE_BYTES = 8 * 2**20
"""Maximum bytes of the features that are read to find their lowest and highest value: those of the first samples."""
MAX_ARRAYS = 1000
"""Maximum number of arrays in an npz file. A file with more is refused."""
_SUFFIX = ".npy"
_SETS = {"train": "_train", "validation": "_val", "test": "_test"}
_PAIRS = (("x", "y"), ("features", "labels"))
"""Names of the features and the labels in a file that has only a training set."""
_OTHER = {"class_names", "classes", "label_names", "target_names", "feature_names", "sample_weight"}
"""Further arrays that an npz file may have. Their names may end with a suffix of `_SETS`."""


class Header(NamedTuple):
    """The header of an array in an npz file: its shape, memory order (C or Fortran) and element type."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of the array's values without compression."""
        return prod(self.shape) * self.dtype.itemsize


def describe_npz(path: Path, task: Task | None = None) -> DataDescription:
    """Return the description of an npz file.

    The features and labels are `x` and `y`, `features` and `labels`, or `x_train` and `y_train` with further sets.

    Raises:
        EpochalError: If the file is damaged, or has not exactly one array of features and one of labels for each set.
    """
    with _archive(path) as archive:
        if len(archive.namelist()) > MAX_ARRAYS:
            raise EpochalError(
                f"{path} must have at most {MAX_ARRAYS:,} arrays, found {len(archive.namelist()):,}",
                "Stack the samples into one array.",
            )
        headers = {
            name.removesuffix(_SUFFIX): _header(archive, name, path)
            for name in archive.namelist()
            if name.endswith(_SUFFIX)
        }
        sets = _find_sets(headers, path)
        names = {name for pair in sets.values() for name in pair}
        unread = sorted(name for name in headers.keys() - names if _without_suffix(name) not in _OTHER)
        if unread:
            raise _wrong_arrays(path, headers, f"{listed(unread)} belong to no set")
        features, labels = sets["train"]
        label_parts = [_read(archive, name, headers[name], path) for _, name in sets.values()]
        counts = headers[features].shape[:1], headers[labels].shape[:1]
        if counts[0] != counts[1] or not counts[0]:
            raise EpochalError(
                f"{path}: {features} and {labels} must have a row for each sample, found the shapes "
                f"{headers[features].shape} and {headers[labels].shape}",
                "Save arrays of the same length.",
            )
        return DataDescription(
            source=path.name,
            features=_features(archive, features, headers[features], path),
            labels=describe_labels(label_parts, f"{path}: {labels}", task),
            samples=headers[features].shape[0],
            size=sum(header.size for header in headers.values()),
            train={"object": path.name},
            validation={"object": path.name} if "validation" in sets else None,
            test={"object": path.name} if "test" in sets else None,
            files=(path.name,),
        )


def describe_values(sample: NDArray[Any], shape: tuple[int, ...]) -> Features:
    """Return the description of features.

    Args:
        sample: Some values of the features, from which their type and their range are taken.
        shape: Shape of one sample.

    Raises:
        EpochalError: If the values are neither numbers nor texts.
    """
    if sample.dtype.kind in "SU":
        return Features(shape, "texts")
    if sample.dtype.kind not in "biuf":
        raise EpochalError(
            f"features must be numbers or texts, found elements of type {sample.dtype}",
            'Convert a table with pandas.get_dummies(table).to_numpy("f4"), texts with numpy.array(texts, dtype=str).',
        )
    kind: Literal["bytes", "numbers"] = "bytes" if sample.dtype == np.uint8 else "numbers"
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return Features(shape, kind)
    return Features(shape, kind, float(finite.min()), float(finite.max()))


def _features(archive: zipfile.ZipFile, name: str, header: Header, path: Path) -> Features:
    count = min(prod(header.shape), SAMPLE_BYTES // max(header.dtype.itemsize, 1))
    if header.dtype.kind not in "biuf":
        return describe_values(np.empty(0, header.dtype), header.shape[1:])
    return describe_values(_values(archive, name, header, count, path), header.shape[1:])


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise EpochalError(
            f"{path} is no readable npz file: {error}", "Write it again with numpy.savez_compressed."
        ) from None


def _header(archive: zipfile.ZipFile, name: str, path: Path) -> Header:
    with archive.open(name) as stream:
        return _read_header(stream, name, path)


def _read_header(stream: IO[bytes], name: str, path: Path) -> Header:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header of Python 2 warns
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            return Header(*read(stream))
    except ValueError as error:
        raise EpochalError(
            f"{path}: {listed([name])} is no array of NumPy: {str(error)[:200]}",
            "Write it again with numpy.savez_compressed.",
        ) from None


def _read(archive: zipfile.ZipFile, name: str, header: Header, path: Path) -> NDArray[Any]:
    if header.size > MAX_LABEL_BYTES:
        raise EpochalError(
            f"{path}: {name} must have at most {MAX_LABEL_BYTES / 2**20:.0f} MiB to be read, found "
            f"{header.size / 2**20:,.0f} MiB",
            "Save class indices as a smaller type, such as uint8, or write the TrainingJob without a look at the data: "
            "epochal init",
        )
    if header.dtype.kind not in "biuf":
        return np.empty(1, header.dtype)  # `describe_labels` refuses the type
    values = _values(archive, name, header, prod(header.shape), path)
    return values.reshape(header.shape, order="F" if header.is_fortran else "C")


def _values(archive: zipfile.ZipFile, name: str, header: Header, count: int, path: Path) -> NDArray[Any]:
    """Return the first `count` values of an array in the order of the file, in one dimension."""
    with archive.open(f"{name}{_SUFFIX}") as stream:
        _read_header(stream, name, path)
        content = stream.read(count * header.dtype.itemsize)
    if len(content) < count * header.dtype.itemsize:
        raise EpochalError(
            f"{path} is truncated: the array {name} has only {len(content):,} bytes", "Write the file again."
        )
    return np.frombuffer(content, header.dtype)


def _find_sets(headers: Mapping[str, Header], path: Path) -> dict[str, tuple[str, str]]:
    """Return the names of the features and of the labels for each data set: `train`, `validation` and `test`.

    The file must have a training set. The other sets are optional.
    """
    for pair in _PAIRS:
        if all(name in headers for name in pair):
            return {"train": pair}
    found = {
        role: (f"x{suffix}", f"y{suffix}")
        for role, suffix in _SETS.items()
        if f"x{suffix}" in headers and f"y{suffix}" in headers
    }
    if "train" not in found:
        raise _wrong_arrays(path, headers, "no training set")
    return found


def _wrong_arrays(path: Path, headers: Mapping[str, Header], found: str) -> EpochalError:
    names = listed(sorted(headers), "no array")
    return EpochalError(
        f"{path} must have the arrays x and y, or x_train and y_train with x_val, y_val, x_test and y_test: {found} "
        f"among {names}",
        "Rename the arrays. For several inputs or outputs, write network.inputs and network.outputs by hand.",
    )


def _without_suffix(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in _SETS.values() if name.endswith(suffix)), name)
