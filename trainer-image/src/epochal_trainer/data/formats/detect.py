"""Which format a file has, by its first bytes."""

from typing import Literal

from epochal_trainer.data.formats.idx import is_idx
from epochal_trainer.data.formats.npz import is_npz
from epochal_trainer.data.formats.pickled import is_pickle
from epochal_trainer.data.source import Source
from epochal_trainer.lib.failures import bad_data

HEAD = 8
TESTS = {"idx": is_idx, "npz": is_npz, "pickle": is_pickle}
OTHERS = {
    b"\x93NUMPY": "a single npy array; save features and labels together with numpy.savez",
    b"\x89HDF": "HDF5",
    b"PAR1": "Parquet",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


def format_of(source: Source, wanted: Literal["auto", "idx", "npz", "pickle"]) -> Literal["idx", "npz", "pickle"]:
    """Tells the format of a file.

    Args:
        source: The file, plain or gzipped.
        wanted: The format that it should have; "auto" for any of them.

    Returns:
        The format.

    Raises:
        Failure: UnknownFormat, if it has none of them or another one than wanted; TruncatedData, if it is empty.
    """
    with source.opened() as stream:
        head = stream.read(HEAD)
    if not head:
        raise source.truncated("it is empty", "there must be data in it")
    for name in ("idx", "npz", "pickle"):
        if TESTS[name](head) and wanted in ("auto", name):
            return name
    looks = next(
        (what for magic, what in OTHERS.items() if head.startswith(magic)), f"a file that begins with {head!r}"
    )
    must = "idx, npz or pickle, each plain or gzipped" if wanted == "auto" else f"{wanted}, as spec.data.format says"
    raise bad_data("UnknownFormat", f"{source.name} looks like {looks}: it must be {must}")
