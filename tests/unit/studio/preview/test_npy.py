"""npy files against numpy: types, shapes, orders, and headers that lie."""

import io
import pickle
import struct
import time
from typing import Any

import numpy as np
import pytest
from epochal_studio.preview.elements import shown
from epochal_studio.preview.npy import MAX_HEADER
from epochal_trainer.data.source import check_dtype
from epochal_trainer.lib.failures import Failure
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from tests.unit.studio.preview.stored import array, npy, preview

NUMBERS = st.sampled_from(
    [
        f"{order}{kind}"
        for order in "<>"
        for kind in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
    ]
)
TEXTS = st.one_of(arrays_of.unicode_string_dtypes(max_len=5), arrays_of.byte_string_dtypes(max_len=5))
SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"


def raw(header: str, content: bytes = b"", version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode("latin-1") + content


def texts(values: Any) -> list[str]:
    """The first values of an array as a preview shows them. A half of a surrogate pair has no form in JSON."""
    return [
        shown(value.decode(errors="replace") if isinstance(value, bytes) else whole(value))
        for value in np.asarray(values).ravel(order="C")[:20].tolist()
    ]


def whole(value: Any) -> Any:
    """Returns a text without halves of surrogate pairs, and any other value as it is."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-32-le", "surrogatepass").decode("utf-32-le", "replace")


@settings(deadline=None, max_examples=100)
@given(data=st.data(), is_fortran=st.booleans(), version=st.sampled_from([(1, 0), (2, 0), (3, 0)]))
def test_values_are_those_of_numpy(*, data: st.DataObject, is_fortran: bool, version: tuple[int, int]) -> None:
    dtype = np.dtype(data.draw(NUMBERS))
    values = data.draw(arrays_of.arrays(dtype, SHAPES))
    stored = np.asarray(values, order="F" if is_fortran else "C")
    found = array(preview(npy(stored, version)))
    assert found.shape == list(values.shape)
    assert found.dtype == dtype.name
    assert found.problem is None
    assert found.values == texts(values)


@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_texts_are_those_of_numpy(data: st.DataObject) -> None:
    values = data.draw(arrays_of.arrays(data.draw(TEXTS), arrays_of.array_shapes(max_dims=2, max_side=4)))
    found = array(preview(npy(values)))
    assert (found.shape, found.dtype) == (list(values.shape), str(values.dtype))
    assert found.values == texts(values)


@settings(deadline=None, max_examples=50)
@given(values=arrays_of.arrays(NUMBERS, SHAPES), cut=st.integers(0, 400))
def test_a_truncated_file_has_a_sentence(values: Any, cut: int) -> None:
    whole = npy(values)
    found = preview(whole[: max(1, min(cut, len(whole) - 1))])
    if found.format == "npy":
        assert found.arrays[0].problem
        assert found.arrays[0].values == []
    else:
        assert found.problem is not None


@settings(deadline=None, max_examples=100)
@given(content=st.binary(max_size=300), version=st.integers(0, 5))
def test_a_damaged_header_has_a_sentence(content: bytes, version: int) -> None:
    found = preview(raw(content.decode("latin-1"), version=version))
    assert found.arrays[0].problem == "The file does not begin with the header of an array"


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_changed_byte_never_fails(data: st.DataObject) -> None:
    whole = bytearray(npy(np.arange(12, dtype="<i4").reshape(3, 4)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(6, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = preview(bytes(whole))
    if found.arrays[0].problem is None:  # then numpy can read it, too
        values = np.load(io.BytesIO(whole), allow_pickle=False)
        assert found.arrays[0].values == texts(values)


@pytest.mark.parametrize(
    "header",
    [
        HEADER.replace("(2, 3)", "(1000000000000000000,)"),
        HEADER.replace("(2, 3)", "(" + "9" * 5000 + ",)"),
        HEADER.replace("(2, 3)", "(" + "1, " * 100 + ")"),
        HEADER.replace("(2, 3)", "(-1,)"),
        HEADER.replace("(2, 3)", "(2, 3"),
        HEADER.replace("(2, 3)", "(1.5,)"),
        HEADER.replace("(2, 3)", "[2, 3]"),
        HEADER.replace("False", "None"),
        HEADER.replace("'<f4'", "__import__('os')"),
        HEADER.replace("'<f4'", "'" + "<f4" * 100 + "'"),
        "(" * 10_000,
        "-" * 10_000,
        "{" + "'a': " * 3000,
        "",
    ],
    ids=range(14),
)
def test_a_lying_header_costs_nothing(header: str) -> None:
    found = preview(raw(header, b"\0" * 24)).arrays[0]
    assert found.problem
    assert found.values == []


def test_a_large_shape_is_compared_with_the_file() -> None:
    found = preview(raw(HEADER.replace("(2, 3)", "(1000000000000, 1000)"), b"\0" * 24)).arrays[0]
    assert found.shape == [10**12, 1000]
    assert found.problem == (
        "The array is damaged: its header declares 4,000,000,000,000,000 bytes of values, but it has 24 bytes. "
        "Upload it again."
    )


def test_a_large_header_is_not_read() -> None:
    assert preview(raw(HEADER + " " * MAX_HEADER)).arrays[0].problem
    assert preview(b"\x93NUMPY\x02\0" + b"\xff" * 4 + HEADER.encode()).arrays[0].problem


@pytest.mark.parametrize("shape", ["(1, 1{}x)", "({}x)", "(1{}x)", "(1,{}x)"])
def test_spaces_in_a_header_take_no_time(shape: str) -> None:
    header = HEADER.replace("(2, 3)", shape.format(" " * (MAX_HEADER - 200)))
    began = time.process_time()
    assert "does not begin with the header" in (array(preview(raw(header))).problem or "")
    assert time.process_time() - began < 0.3


def test_headers_of_other_programs() -> None:
    for header in (
        "{'shape': (2L, 3L), 'fortran_order': False, 'descr': '<f4'}",
        '{"descr": "<f4", "fortran_order": False, "shape": (2,3)}\n',
        "{ 'descr' : '=f4', 'fortran_order' : False, 'shape' : ( 2, 3, ) }",
    ):
        found = preview(raw(header, b"\0" * 24)).arrays[0]
        assert (found.shape, found.dtype, found.problem) == ([2, 3], "float32", None)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        raise AssertionError("it was unpickled")


def test_objects_are_never_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("load", "loads"):
        monkeypatch.setattr(pickle, name, lambda *_: pytest.fail("it was unpickled"))
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([None, {}], dtype=object), allow_pickle=True)
    found = preview(file.getvalue()).arrays[0]
    assert (found.shape, found.dtype, found.values) == ([2], "object", [])
    assert str(found.problem).startswith("The file holds Python objects: it must hold booleans")


@pytest.mark.parametrize("dtype", ["O", "c8", "M8[ns]", "m8[s]", "V3", "i4,f8"])
def test_the_sentence_is_that_of_a_training(dtype: str) -> None:
    values = np.zeros(3, dtype)
    with pytest.raises(Failure) as failure:
        check_dtype(values.dtype, "The file", "unknown")
    file = io.BytesIO()
    np.lib.format.write_array(file, values, allow_pickle=True)
    found = preview(file.getvalue()).arrays[0]
    assert found.shape == [3]
    if dtype not in {"V3", "i4,f8"}:  # whose names the header does not have
        assert found.problem == failure.value.message
        assert found.dtype == str(values.dtype)
    assert "must hold booleans, integers or floats of at most 64 bits" in str(found.problem)


def test_a_large_array_in_the_order_of_fortran_says_why() -> None:
    found = preview(npy(np.asfortranarray(np.zeros((1024, 1024), "f4")))).arrays[0]
    assert "numpy.ascontiguousarray" in str(found.problem)


def test_a_single_array_is_not_enough() -> None:
    problem = preview(npy(np.zeros(3))).problem
    assert problem is not None
    assert "numpy.savez" in problem.remedy
