import gzip
from collections.abc import Callable
from typing import get_args

import pytest
from epochal_api.storage import Data
from epochal_trainer.data.formats.registry import FORMATS, format_of
from epochal_trainer.data.source import Source
from epochal_trainer.lib.failures import Failure


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
def test_auto_goes_by_the_first_bytes(
    source: Callable[[bytes], Source], content: bytes, found: str, gzipped: str
) -> None:
    assert format_of(source(gzip.compress(content) if gzipped == "gzipped" else content), "auto") == found


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
def test_anything_else_is_named(source: Callable[[bytes], Source], content: bytes, looks: str) -> None:
    with pytest.raises(Failure, match=f"file looks like {looks}.*: it must be idx, npz or pickle") as caught:
        format_of(source(content), "auto")
    assert caught.value.reason == "UnknownFormat"


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize(
    ("name", "content", "how"),
    [
        ("iris", b"5.1,3.5,1\n", '","'),
        ("sets/iris.csv", b"5.1,3.5,1\n", '","'),
        ("sets/iris.csv", b"sepal,petal,class\n", '",", skiprows=1'),
        ("iris.TXT", "größe;art\n".encode(), '";", skiprows=1'),
        ("iris.data", b"-1\t2\n", r'"\t"'),
        ("iris.tsv", b"sepal length\tclass", r'"\t", skiprows=1'),
    ],
)
def test_of_a_table_it_is_said_how_to_make_arrays(
    source: Callable[[bytes], Source], *, name: str, content: bytes, how: str, gzipped: bool
) -> None:
    path = source(gzip.compress(content) if gzipped else content).path
    whole = f"{name}.gz" if gzipped else name
    with pytest.raises(Failure) as caught:
        format_of(Source(whole, path), "auto")
    file = whole.removeprefix("sets/")
    assert caught.value.reason == "UnknownFormat"
    assert caught.value.message == (
        f"{whole} looks like CSV: it must be idx, npz or pickle, each plain or gzipped. Where the last column is the "
        "label: "
        f'table = numpy.loadtxt("{file}", delimiter={how}), then '
        f'numpy.savez("{name.removeprefix("sets/").split(".")[0]}.npz", x=table[:, :-1], y=table[:, -1].astype(int))'
    )


def test_a_table_is_no_archive_whatever_it_is_called(source: Callable[[bytes], Source]) -> None:
    with pytest.raises(Failure, match="looks like HDF5"):
        format_of(Source("table.csv", source(b"\x89HDF\r\n").path), "auto")


def test_another_format_than_the_spec_says_is_refused(source: Callable[[bytes], Source]) -> None:
    with pytest.raises(Failure, match=r"it must be npz, as spec.data.format says") as caught:
        format_of(source(b"\0\0\x08\3\0\0\0\1"), "npz")
    assert caught.value.reason == "UnknownFormat"


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), gzip.compress(b"\0\0\x08\3", mtime=0)[:12]])
def test_nothing_is_not_enough(source: Callable[[bytes], Source], content: bytes) -> None:
    with pytest.raises(Failure, match="file is cut off") as caught:
        format_of(source(content), "auto")
    assert caught.value.reason == "TruncatedData"


def test_the_api_names_the_formats_there_are() -> None:
    (wanted,) = (field.annotation for name, field in Data.model_fields.items() if name == "format")
    assert set(get_args(wanted)) == {"auto", *FORMATS}
