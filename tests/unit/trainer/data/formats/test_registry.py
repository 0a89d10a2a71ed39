import gzip
from collections.abc import Callable
from typing import get_args

import pytest
from epochal_api.storage import Data
from epochal_trainer.data.formats.registry import FORMATS, detect_format
from epochal_trainer.data.source import DataFile
from epochal_trainer.lib.failures import Failure

from tests.unit.trainer.expect import expect_failure


@pytest.mark.parametrize("gzipped", ["plain", "gzipped"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\0\0\x08\3\0\0\0\1", "idx"),
        (b"\0\0\x0e\1", "idx"),
        (b"PK\3\4rest", "npz"),
        (b"PK\5\6" + bytes(18), "npz"),
        (b"\x80\2cnumpy", "pickle"),
        (b"\x80\5\x95", "pickle"),
        (b"(cnumpy", "pickle"),
        (b"]q\0", "pickle"),
    ],
)
def test_detect_format(source: Callable[[bytes], DataFile], content: bytes, found: str, gzipped: str) -> None:
    assert detect_format(source(gzip.compress(content) if gzipped == "gzipped" else content), "auto") == found


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (b"\x93NUMPY\1\0", "a single npy array; save features and labels together with numpy.savez"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"{'a': 1}", "a file that begins with"),
        (b"\x80\x09", "a file that begins with"),
        (b"\x00", "a file that begins with"),
    ],
)
def test_unknown_format(source: Callable[[bytes], DataFile], content: bytes, looks: str) -> None:
    with expect_failure("UnknownFormat", f"file looks like {looks}.*: it must be idx, npz or pickle"):
        detect_format(source(content), "auto")


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("iris", b"5.1,3.5,1\n"),
        ("sets/iris.csv", b"5.1,3.5,1\n"),
        ("sets/long.csv", b"-0.123456,1\n"),
        ("sets/iris.csv", b"sepal,petal,class\n"),
        ("iris.TXT", "größe;art\n".encode()),
        ("iris.data", b"-1\t2\n"),
        ("iris.tsv", b"sepal length\tclass"),
    ],
)
def test_advice_for_tables(source: Callable[[bytes], DataFile], *, name: str, content: bytes, gzipped: bool) -> None:
    path = source(gzip.compress(content) if gzipped else content).path
    whole = f"{name}.gz" if gzipped else name
    with pytest.raises(Failure) as caught:
        detect_format(DataFile(whole, path), "auto")
    assert caught.value.reason == "UnknownFormat"
    assert caught.value.message.startswith(f"{whole} looks like CSV: it must be idx, npz or pickle")
    assert caught.value.message.endswith(
        ". `epochal init FILE.csv` converts a table with a heading to npz, and writes a TrainingJob for it"
    )


def test_binary_file_with_the_suffix_of_a_table(source: Callable[[bytes], DataFile]) -> None:
    with pytest.raises(Failure, match="looks like HDF5"):
        detect_format(DataFile("table.csv", source(b"\x89HDF\r\n").path), "auto")


def test_other_format_than_in_the_spec(source: Callable[[bytes], DataFile]) -> None:
    with expect_failure("UnknownFormat", r"it must be npz \(spec.data.format\)"):
        detect_format(source(b"\0\0\x08\3\0\0\0\1"), "npz")


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), gzip.compress(b"\0\0\x08\3", mtime=0)[:12]])
def test_empty_file(source: Callable[[bytes], DataFile], content: bytes) -> None:
    with expect_failure("TruncatedData", "file is cut off"):
        detect_format(source(content), "auto")


def test_formats_of_the_api() -> None:
    (annotation,) = (field.annotation for name, field in Data.model_fields.items() if name == "format")
    assert set(get_args(annotation)) == {"auto", *FORMATS}
