"""The supported formats, and the detection of a file's format from its first bytes."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from epochal_trainer.data.distinct import check_sources
from epochal_trainer.data.formats import idx, npz, pickled
from epochal_trainer.data.formats.npz_names import Role
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array, Samples
from epochal_trainer.data.source import Source
from epochal_trainer.lib.failures import bad_data

HEAD = 512
"""Number of first bytes that tell the format of a file."""
SHOWN = 8
"""Number of first bytes of an unknown format that tell what it is, and that a message shows."""


@dataclass(frozen=True)
class Format:
    """A format of data files. A file holds either whole data sets or a single array.

    Args:
        begins: Returns whether a file of this format may begin with these bytes, at most HEAD.
        data_sets: Reads the data sets with the given roles from a file; the last argument is the roles that other files
            hold.
        array: Reads a file that holds either features or labels.
    """

    begins: Callable[[bytes], bool]
    data_sets: Callable[[Source, Sequence[Role], Memory, Collection[Role]], dict[Role, Samples]] | None = None
    array: Callable[[Source, Memory], Array] | None = None


def _pickled(source: Source, roles: Sequence[Role], memory: Memory, _: Collection[Role]) -> dict[Role, Samples]:
    """Read a pickle, which holds a single data set for any role."""
    check_sources(dict.fromkeys(roles, f"{source.name}[0]"))
    return {role: pickled.read(source, memory) for role in roles}


FORMATS = {
    "idx": Format(idx.is_idx, array=idx.read),
    "npz": Format(npz.is_npz, data_sets=npz.read),
    "pickle": Format(pickled.is_pickle, data_sets=_pickled),
}
"""The formats by their names in spec.data.format, in the order of detection."""
TABLES = frozenset({".csv", ".tsv", ".txt"})
NUMBERS = re.compile(rb"(\xef\xbb\xbf)?[-+.0-9]+[,;\t]")
"""Pattern of the start of a table of numbers without a header."""
OTHERS = {
    b"\x93NUMPY": "a single npy array; save features and labels together with numpy.savez",
    b"\x89HDF": "HDF5",
    b"PAR1": "Parquet",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


def format_of(source: Source, expected: str) -> str:
    """Return the name of a file's format.

    Args:
        source: The file, plain or gzipped.
        expected: The format in the spec; "auto" for any format.

    Returns:
        The name of the format.

    Raises:
        Failure: UnknownFormat, if the file has no known format or not the expected one. TruncatedData, if it is empty.
    """
    with source.opened() as stream:
        head = stream.read(HEAD)
    if not head:
        raise source.truncated("it is empty", "there must be data in it")
    for name, known in FORMATS.items():
        if expected in ("auto", name) and known.begins(head):
            return name
    must = (
        f"{either(FORMATS)}, each plain or gzipped" if expected == "auto" else f"{expected}, as spec.data.format says"
    )
    head = head[:SHOWN]
    found = next((other for magic, other in OTHERS.items() if head.startswith(magic)), None)
    if found is None and _is_table(source.name, head):
        advice = _of_table(source.name, head)
        raise bad_data("UnknownFormat", f"{source.name} looks like CSV: it must be {must}. {advice}")
    found = found or f"a file that begins with {head!r}"
    raise bad_data("UnknownFormat", f"{source.name} looks like {found}: it must be {must}")


def _is_table(name: str, head: bytes) -> bool:
    """Return whether a file is a text table with one row per line."""
    text = all(byte >= ord(" ") or byte in b"\t\r\n" for byte in head)
    return text and (PurePosixPath(name.removesuffix(".gz")).suffix.lower() in TABLES or bool(NUMBERS.match(head)))


def _of_table(name: str, head: bytes) -> str:
    """Return instructions to convert a table with the label in its last column into an npz file."""
    path = PurePosixPath(name)
    header = "" if NUMBERS.match(head) else ", skiprows=1"
    tabs = b"\t" in head or ".tsv" in path.suffixes
    separator = r"\t" if tabs else ";" if b";" in head else ","
    read = f'table = numpy.loadtxt("{path.name}", delimiter="{separator}"{header})'
    stem = path.name.split(".", maxsplit=1)[0]
    write = f'numpy.savez("{stem}.npz", x=table[:, :-1], y=table[:, -1].astype(int))'
    return f"Where the last column is the label: {read}, then {write}"


def either(names: Iterable[str]) -> str:
    """Return names as text: `idx, npz or pickle`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
