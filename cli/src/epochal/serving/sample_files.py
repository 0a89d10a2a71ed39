"""Reads files with samples for a model: photographs, npy, npz and csv."""

import csv
import itertools
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from epochal_api.text import printable

from epochal.csv_number import parse_number, resembles_number
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.sentences import listed
from epochal.serving.tensors import TEXT, Tensor, fit, is_batch

MAX_BATCH = 1024
"""Maximum number of samples in a request. Further samples are sent in further requests."""
MAX_NPZ_BYTES = 4 * 2**30
"""Maximum bytes of all decompressed arrays in an npz file. A file with more is refused."""
MAX_CSV_FIELD = 2**20
_HEAD = 16
_IMAGES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))
_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"

Arrays = Mapping[str, np.ndarray]


def image_type(path: Path) -> str | None:
    """Return the media type of a JPEG, PNG or WebP file by its first bytes; None for another file."""
    head = _head(path)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for magic, media_type in _IMAGES if head.startswith(magic)), None)


def read_photograph(path: Path, limit: int) -> bytes:
    """Return the content of a photograph's file.

    Raises:
        EpochalError: If the file is unreadable, or has more than `limit` bytes.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(content) > limit:
        raise EpochalError(
            f"{path} has more than {limit:,} bytes, the limit of the server.",
            "Make the photograph smaller, or raise spec.limits.requestBytes of the ModelServer.",
            exit_code=ExitCode.USAGE,
        )
    return content


def read_batches(path: Path, inputs: Sequence[Tensor], request_bytes: int) -> Iterator[Arrays]:
    """Yield the samples of a file in batches, one batch for each request. Only one batch is in memory, or one npz file.

    Args:
        path: A npy, npz or csv file.
        inputs: The inputs of the model.
        request_bytes: Maximum bytes of a request.

    Raises:
        EpochalError: If the file is unreadable, or does not fit the inputs.
    """
    head = _head(path)
    try:
        if head.startswith(_NPY):
            yield from slices(str(path), _of_npy(path, inputs), inputs, request_bytes)
        elif head.startswith(_ZIP):
            yield from slices(str(path), _of_npz(path, inputs), inputs, request_bytes)
        else:
            yield from _of_csv(path, inputs, request_bytes)
    except OSError as error:
        raise _unreadable(path, error) from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise _unreadable(path, error) from error


def slices(where: str, arrays: Arrays, inputs: Sequence[Tensor], request_bytes: int) -> Iterator[Arrays]:
    """Split arrays into batches, one batch for each request.

    Args:
        where: Name of the source, for messages.
        arrays: An array for each input, by the name of the input.
        inputs: The inputs of the model.
        request_bytes: Maximum bytes of a request.

    Raises:
        EpochalError: If an array does not fit its input, there is no sample, or the numbers of samples differ.
    """
    wholes = {each.name: arrays[each.name] for each in inputs}
    first = inputs[0]
    # A single sample without its batch axis is one batch.
    is_small = len(inputs) == 1 and wholes[first.name].ndim <= len(first.shape)
    if is_small and not is_batch(wholes[first.name], first):
        yield {first.name: fit(wholes[first.name], first, where)}
        return
    counts = {name: len(array) if array.ndim else 0 for name, array in wholes.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise EpochalError(
            f"{where}: found {found}, expected the same number of samples for each input.", exit_code=ExitCode.USAGE
        )
    count = next(iter(counts.values()))
    if not count:
        raise _empty(where)
    one = {each.name: fit(wholes[each.name][:1], each, where, is_batch=True) for each in inputs}
    size = batch_size(one, request_bytes)
    for begin in range(0, count, size):
        yield {each.name: fit(wholes[each.name][begin : begin + size], each, where, is_batch=True) for each in inputs}


def batch_size(sample: Arrays, request_bytes: int) -> int:
    """Return the number of samples for each request, from the size of `sample`. Half of the bytes are left for JSON."""
    size = sum(array.nbytes for array in sample.values())
    return max(1, min(MAX_BATCH, request_bytes // 2 // max(1, size)))


def _of_npy(path: Path, inputs: Sequence[Tensor]) -> Arrays:
    if len(inputs) > 1:
        raise EpochalError(
            f"{path}: the model has the inputs {', '.join(map(str, inputs))}, and a npy file has one array.",
            "Save an npz file with an array for each input, by its name: np.savez(file, NAME=array, …).",
            exit_code=ExitCode.USAGE,
        )
    try:
        return {inputs[0].name: np.load(path, mmap_mode="r", allow_pickle=False)}
    except (ValueError, EOFError) as error:
        raise _broken(path, "npy", error) from error


def _of_npz(path: Path, inputs: Sequence[Tensor]) -> Arrays:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_NPZ_BYTES:
            raise EpochalError(
                f"{path}: the arrays have {size:,} bytes, expected at most {MAX_NPZ_BYTES:,}.",
                "Save the samples as npy, which is read in parts.",
                exit_code=ExitCode.USAGE,
            )
        with np.load(path, allow_pickle=False) as arrays:
            names = _names_in_npz(path, list(arrays.files), inputs)
            return {name: arrays[stored] for name, stored in names.items()}
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError, NotImplementedError, MemoryError) as error:
        raise _broken(path, "npz", error) from error


def _names_in_npz(path: Path, stored: Sequence[str], inputs: Sequence[Tensor]) -> dict[str, str]:
    """Return the name of the array in an npz file for each input, by the name of the input.

    The array has the name NAME, or input:NAME as in check.npz. For a single input, it may also be x_test, x, features
    or the only array.
    """
    found = {}
    for each in inputs:
        names = (each.name, f"input:{each.name}", *(("x_test", "x", "features") if len(inputs) == 1 else ()))
        chosen = next((name for name in names if name in stored), None)
        if chosen is None and len(inputs) == len(stored) == 1:
            chosen = stored[0]
        if chosen is None:
            raise EpochalError(
                f"{path}: found the arrays {printable(', '.join(stored))[:500]}, expected {' or '.join(names)}.",
                "Save an array for each input, by its name: np.savez(file, NAME=array, …).",
                exit_code=ExitCode.USAGE,
            )
        found[each.name] = chosen
    return found


def _of_csv(path: Path, inputs: Sequence[Tensor], request_bytes: int) -> Iterator[Arrays]:
    """Yield the rows of a CSV file in batches. A heading orders the columns if the model has names for them.

    The first row is a heading if none of its cells is a number. For an input of text, it is a heading only if its one
    cell is the name of the input.
    """
    if len(inputs) > 1:
        raise EpochalError(
            f"{path}: the model has the inputs {', '.join(map(str, inputs))}, which need a npz file.",
            "Save an array for each input, by its name: np.savez(file, NAME=array, …).",
            exit_code=ExitCode.USAGE,
        )
    [tensor] = inputs
    csv.field_size_limit(MAX_CSV_FIELD)
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = _rows(path, csv.reader(file))
        first = next(rows, None)
        if first is None:
            raise _empty(str(path))
        cells = first[1]
        if cells != [tensor.name] if tensor.dtype == TEXT else any(map(resembles_number, cells)):
            rows = itertools.chain([first], rows)
        elif tensor.features:
            rows = _ordered(path, cells, rows, tensor.features)
        size, is_empty = None, True
        while chunk := list(itertools.islice(rows, size or 1)):
            is_empty = False
            batch = {tensor.name: fit(_array(path, chunk, tensor), tensor, str(path), is_batch=True)}
            size = size or batch_size(batch, request_bytes)
            yield batch
        if is_empty:
            raise _empty(str(path))


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, each with its number in the file, from 1."""
    try:
        for number, row in enumerate(reader, 1):
            if any(cell.strip() for cell in row):
                yield number, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise EpochalError(
            f"{path}: found neither a photograph nor npy, npz or CSV in UTF-8 ({printable(str(error))[:200]}).",
            "Convert it to PNG, JPEG, WebP, npy, npz or CSV.",
            exit_code=ExitCode.USAGE,
        ) from error


def _ordered(
    path: Path, heading: Sequence[str], rows: Iterator[tuple[int, list[str]]], features: Sequence[str]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with their columns in the order of the model's features.

    Raises:
        EpochalError: If the heading has other names, or a row another number of columns.
    """
    names = [name.strip() for name in heading]
    if sorted(names) != sorted(features):
        parts = {
            "has no column": [name for name in features if name not in names],
            "has the unknown column": [name for name in names if name not in features],
            "repeats the column": [name for name, count in Counter(names).items() if count > 1 and name in features],
        }
        found = "; ".join(f"{verb} {printable(listed(each))[:300]}" for verb, each in parts.items() if each)
        raise EpochalError(
            f"{path}: the heading {found}.",
            f"The model takes the columns {printable(listed(features))[:500]}, in any order.",
            exit_code=ExitCode.USAGE,
        )
    order = [names.index(name) for name in features]
    for number, row in rows:
        if len(row) != len(names):
            raise EpochalError(
                f"{path}: row {number} has {len(row)} columns, and the heading has {len(names)}.",
                exit_code=ExitCode.USAGE,
            )
        yield number, [row[column] for column in order]


def _array(path: Path, rows: Sequence[tuple[int, Sequence[str]]], tensor: Tensor) -> np.ndarray:
    width = len(rows[0][1])
    for number, row in rows:
        if len(row) != width:
            raise EpochalError(
                f"{path}: row {number} has {len(row)} columns, and the rows before have {width}.",
                exit_code=ExitCode.USAGE,
            )
    if tensor.dtype == TEXT:
        texts = np.array([row for _, row in rows], dtype=str)
        return texts[:, 0] if width == 1 and not tensor.shape else texts
    numbers = np.array(
        [[_number(path, number, column, cell, tensor) for column, cell in enumerate(row, 1)] for number, row in rows]
    )
    return numbers[:, 0] if width == 1 and not tensor.shape else numbers


def _number(path: Path, row: int, column: int, cell: str, tensor: Tensor) -> float:
    number = parse_number(cell)
    if number is None:
        raise EpochalError(
            f"{path}: row {row}, column {column}: found {printable(cell)[:100]!r}, expected a number for the input "
            f"{tensor}.",
            "Write numbers such as 1000, -0.5 or 1e-3. Remove columns of text, such as labels and names.",
            exit_code=ExitCode.USAGE,
        )
    return number


def _empty(where: str) -> EpochalError:
    return EpochalError(f"{where} has no samples.", exit_code=ExitCode.USAGE)


def _broken(path: Path, form: str, error: Exception) -> EpochalError:
    return EpochalError(
        f"{path}: cannot read the {form} file: {printable(str(error))[:300]}",
        "Save it again with np.save or np.savez, without objects (dtype=object).",
        exit_code=ExitCode.USAGE,
    )


def _unreadable(path: Path, error: OSError) -> EpochalError:
    code = ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.USAGE
    return EpochalError(f"cannot read {path}: {error.strerror or error}", exit_code=code)
