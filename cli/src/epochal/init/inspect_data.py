"""Detects the format of a user's data, describes the data, and converts tables and photographs to npz."""

import zipfile
from pathlib import Path

import numpy as np
from epochal_lib.partial_file import partial_file

from epochal.errors import EpochalError
from epochal.init.arrays import SAMPLE_BYTES, describe_npz, describe_values
from epochal.init.description import DataDescription, Labels, Task
from epochal.init.idx import describe_idx, is_idx
from epochal.init.photographs import class_folders, read_photographs
from epochal.init.tables import Table, read_table

TABLES = frozenset({".csv", ".tsv", ".txt"})
_KNOWN = "an npz file, the idx files of MNIST, a CSV table, or a folder with a folder of photographs for each class"


def inspect_data(
    path: Path,
    converted: Path,
    *,
    task: Task | None = None,
    label: str | None = None,
    side: int | None = None,
    replace: bool = False,
) -> DataDescription:
    """Return the description of a file or folder with data.

    A table and photographs are converted to an npz file, because the trainer does not read them.

    Args:
        path: The file or folder.
        converted: The npz file to write for a table or photographs.
        task: The task of the labels if the user gives it.
        label: Name of the column with the labels of a table; None to find the column.
        side: Height and width of photographs in the npz file, in pixels; None to choose a size.
        replace: Whether to overwrite the file `converted` if it exists.

    Raises:
        EpochalError: If the format is unknown, the data are damaged or too large, or `converted` exists already.
    """
    if path.is_dir():
        if any(is_idx(file) for file in sorted(path.iterdir())[:100] if file.is_file()):
            return describe_idx(path, task)
        if class_folders(path):
            return _convert(read_photographs(path, side), path, converted, replace=replace)
    elif path.is_file():
        if zipfile.is_zipfile(path):
            return describe_npz(path, task)
        if is_idx(path):
            return describe_idx(path, task)
        if path.suffix.lower() in TABLES:
            return _convert(read_table(path, label, task), path, converted, replace=replace)
    else:
        raise EpochalError(f"{path} does not exist", f"Give {_KNOWN}.")
    raise EpochalError(
        f"{path} has no format that init knows: it must be {_KNOWN}",
        "Convert it as in docs/data.md, or run `epochal init` without data to answer questions.",
    )


def _convert(table: Table, source: Path, target: Path, *, replace: bool) -> DataDescription:
    """Write the arrays of a table or of photographs to the npz file `target`, and return their description."""
    _write(table, target, replace=replace)
    x, y = table.arrays["x"], table.arrays["y"]
    classes = table.arrays.get("class_names")
    labels = Labels("numbers", 1) if classes is None else Labels("classes", len(classes))
    return DataDescription(
        source=source.name,
        features=describe_values(x.reshape(-1)[: SAMPLE_BYTES // x.itemsize], x.shape[1:]),
        labels=labels,
        samples=len(x),
        size=x.nbytes + y.nbytes,
        train={"object": target.name},
        files=(target.name,),
        is_converted=True,
        notes=[f"Wrote {target.name} with {len(x):,} samples, which the trainer reads.", *table.notes],
    )


def _write(table: Table, target: Path, *, replace: bool) -> None:
    """Write arrays to an npz file, and replace an existing file only if `replace`. An error leaves no partial file."""
    if target.exists() and not replace:
        raise EpochalError(f"{target} exists", "Give another name with --name, or replace it with --force.")
    with partial_file(target) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **table.arrays)  # type: ignore[arg-type]


def default_name(path: Path) -> str:
    """Return a name for a TrainingJob with these data: the name of the folder, or of the file up to its first dot.

    For an idx file, and for a file without a suffix, it is the name of the folder that contains the file.
    """
    path = path.resolve()
    if path.is_dir():
        return path.name
    return path.name.partition(".")[0] if "." in path.name and not is_idx(path) else path.parent.name
