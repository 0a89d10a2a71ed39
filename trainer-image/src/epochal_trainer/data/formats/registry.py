"""The supported formats, and the detection of a file's format from its first bytes."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from epochal_api.array_names import Role

from epochal_trainer.data.arrays import Array
from epochal_trainer.data.duplicates import check_distinct_sources
from epochal_trainer.data.formats import idx, npz, pickled
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.network_arrays import NetworkArrays
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.source import DataFile
from epochal_trainer.lib.failures import bad_data

_TABLE_ADVICE = "`epochal init FILE.csv` converts a table with a heading to npz, and writes a TrainingJob for it"
HEAD_SIZE = 512
"""Number of first bytes of a file from which its format is detected."""
MAX_SHOWN = 8
"""Number of first bytes of a file of unknown format that a message shows."""

SetReader: TypeAlias = Callable[
    [DataFile, Sequence[Role], MemoryBudget, Collection[Role], NetworkArrays], dict[Role, Samples]
]
"""Reads the data sets with the given roles from a file, for a network. The fourth argument is the roles of the data
sets in other files."""
ArrayReader: TypeAlias = Callable[[DataFile, MemoryBudget], Array]
"""Reads the single array of a file, which holds either the features or the labels of a data set."""


@dataclass(frozen=True)
class Format:
    """A format of data files. A file holds either whole data sets or a single array.

    Args:
        matches: Returns whether a file of this format may begin with these bytes, at most HEAD_SIZE.
        read_sets: Reads data sets; None if a file of this format holds a single array.
        read_array: Reads a single array; None if a file of this format holds data sets.
        names_arrays: Whether the file has a name for each array. Only such a file can hold arrays of texts, or the
            arrays of a network with several inputs or outputs.
    """

    matches: Callable[[bytes], bool]
    read_sets: SetReader | None = None
    read_array: ArrayReader | None = None
    names_arrays: bool = False


def _read_pickle(
    file: DataFile, roles: Sequence[Role], memory: MemoryBudget, _: Collection[Role], network: NetworkArrays
) -> dict[Role, Samples]:
    """Read a pickle, which holds one data set without a role; two roles for it are refused as DuplicateData."""
    check_distinct_sources(dict.fromkeys(roles, f"{file.name}[0]"), network)
    return {role: pickled.read(file, memory).with_names(network.inputs[0], network.outputs[0]) for role in roles}


FORMATS = {
    "idx": Format(idx.is_idx, read_array=idx.read),
    "npz": Format(npz.is_npz, read_sets=npz.read, names_arrays=True),
    "pickle": Format(pickled.is_pickle, read_sets=_read_pickle),
}
"""The formats by their names in spec.data.format, in the order of detection."""
TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
NUMERIC_TABLE = re.compile(rb"(\xef\xbb\xbf)?[-+.0-9]+[,;\t]")
"""Pattern of the first bytes of a text table of numbers without a header, such as CSV."""
UNSUPPORTED_FORMATS = {
    b"\x93NUMPY": "a single npy array; save features and labels together with numpy.savez",
    b"\x89HDF": "HDF5",
    b"PAR1": "Parquet",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


def detect_format(file: DataFile, expected: str) -> str:
    """Return the name of a file's format: a key of FORMATS.

    `expected` is spec.data.format: the name of a format, or "auto" for any format.

    Raises:
        Failure: UnknownFormat, if the file has no known format or not the expected one. TruncatedData, if it is empty.
    """
    with file.open() as stream:
        head = stream.read(HEAD_SIZE)
    if not head:
        raise file.truncated("the file is empty", "it must hold data")
    for name, known in FORMATS.items():
        if expected in ("auto", name) and known.matches(head):
            return name
    must = f"{join_or(FORMATS)}, each plain or gzipped" if expected == "auto" else f"{expected} (spec.data.format)"
    found = next((other for magic, other in UNSUPPORTED_FORMATS.items() if head.startswith(magic)), None)
    advice = ""
    if found is None and _is_table(file.name, head):
        found, advice = "CSV", f". {_TABLE_ADVICE}"
    found = found or f"a file that begins with {head[:MAX_SHOWN]!r}"
    raise bad_data("UnknownFormat", f"{file.name} looks like {found}: it must be {must}{advice}")


def _is_table(name: str, head: bytes) -> bool:
    """Return whether a file seems to be a text table, such as CSV, by its name and first bytes."""
    is_text = all(byte >= ord(" ") or byte in b"\t\r\n" for byte in head)
    suffix = PurePosixPath(name.removesuffix(".gz")).suffix.lower()
    return is_text and (suffix in TABLE_SUFFIXES or bool(NUMERIC_TABLE.match(head)))


def join_or(names: Iterable[str]) -> str:
    """Return names as text: `idx, npz or pickle`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
