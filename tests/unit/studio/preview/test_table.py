"""CSV files, and files of other formats."""

import csv
import gzip
import io
import time
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.studio.preview.stored import npz, preview, zipped

DIGITS = "1" * 50_000
WINE = "alcohol;acid;kind\n14.23;1,71;a\n13.2;1.78;b\n"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_table(pack: type[bytes]) -> None:
    found = preview(pack(WINE.encode()), "wine.csv")
    assert (found.format, found.columns) == ("csv", ["alcohol", "acid", "kind"])
    assert found.rows == [["14.23", "1,71", "a"], ["13.2", "1.78", "b"]]
    assert found.problem is not None
    assert "docs/tables.md" in found.problem.remedy


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        ("1,2\n3,4\n", ["column 1", "column 2"], [["1", "2"], ["3", "4"]]),
        ("a\tb\n1,5\t2\n", ["a", "b"], [["1,5", "2"]]),
        ('"a, b",c\n"x ""y""",2\n', ["a, b", "c"], [['x "y"', "2"]]),
        ("\ufeffa,b\r\n1,2\r\n", ["a", "b"], [["1", "2"]]),
        ("a,\n1,2,3\n", ["a", "column 2", "column 3"], [["1", "2", "3"]]),
        ("\n\na,b\n\n1,2\n", ["a", "b"], [["1", "2"]]),
        ('a,b\n"two\nlines",2\n', ["a", "b"], [["two lines", "2"]]),
        ("only\n", ["only"], []),
    ],
)
def test_forms_of_tables(text: str, columns: list[str], rows: list[list[str]]) -> None:
    found = preview(text.encode(), "a.csv")
    assert (found.columns, found.rows) == (columns, rows)


def test_large_tables_are_cut() -> None:
    wide = ",".join(f"c{number}" for number in range(300))
    found = preview(f"{wide}\n{','.join('1' * 300)}\n".encode(), "wide.csv")
    assert (len(found.columns), len(found.rows[0])) == (200, 200)
    assert "100 more columns" in str(found.problem)
    long = preview(b"a,b\n" + b"1,2\n" * 200_000, "long.csv")
    assert long.rows == [["1", "2"]] * 10
    cell = preview(b"a,b\n" + b"x" * 200_000 + b",2\n", "cell.csv")
    assert cell.columns == ["a", "b"]


def test_hostile_text_takes_no_time() -> None:
    began = time.monotonic()
    for text in (b'"' * 2**18, b'a"' * 2**17, b",\"'" * 2**16, b"," * 2**18, b"\n" * 2**18):
        assert preview(text, "a.csv").format == "csv"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("cell", [f"{DIGITS}x", f"{DIGITS}.{DIGITS}e1x", f".{DIGITS}x"])
def test_a_long_number_takes_no_time(cell: str) -> None:
    began = time.process_time()
    assert preview(f"{cell},b\n1,2\n".encode(), "wide.csv").format == "csv"
    assert time.process_time() - began < 2


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(st.lists(st.text(st.characters(codec="ascii", categories=["L", "P"])), min_size=2, max_size=4)))
def test_no_text_fails(rows: list[list[str]]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    found = preview(file.getvalue().encode() or b"\n", "a.csv")
    assert len(found.rows) <= 10


def test_control_characters_are_not_shown() -> None:
    found = preview("a,b\nx\u202ey,\u200b2\n".encode(), "a.csv")
    assert found.rows == [["x y", "2"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x80\x04\x95", "pickle"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"PAR1", "Parquet"),
        (b"\xff\xfe\0", "no format that Studio reads"),
        (gzip.compress(npz(x=[1])), "gzip"),
        (b"PK\x03\x04 and no more", "damaged"),
        (zipped({}, zipfile.ZIP_STORED), ""),
    ],
)
def test_other_files(content: bytes, words: str) -> None:
    found = preview(content)
    assert (found.arrays, found.samples, found.rows) == ([], [], [])
    assert words in (found.problem.message if found.problem else "")
