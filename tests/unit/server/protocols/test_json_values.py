"""The conversion of JSON values to arrays, without rounding, truncation or guesses."""

from typing import Any

import numpy as np
import orjson
import pytest
from epochal_server.model.datatypes import DATA_TYPES
from epochal_server.model.model import Tensor
from epochal_server.protocols.json_values import BLOCK_VALUES, array, flat, json_blocks, jsonable, nested
from epochal_server.refusals import Invalid
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.kit.served import spec

FINITE: dict[str, Any] = {"allow_nan": False, "allow_infinity": False}


def tensor(dtype: str, *shape: int) -> Tensor:
    return Tensor.of(spec("x", shape, dtype))


NUMBERS = sorted(of.name for of in DATA_TYPES if of.kind != "O")


@given(st.data())
@settings(max_examples=50)
@pytest.mark.parametrize("dtype", NUMBERS)
def test_accepts_every_number_of_the_type(dtype: str, data: st.DataObject) -> None:
    of = np.dtype(dtype)
    elements = arrays.from_dtype(of, **(FINITE if of.kind == "f" else {}))
    expected = data.draw(arrays.arrays(of, arrays.array_shapes(max_dims=4, max_side=3), elements=elements))
    found = nested(expected.tolist(), tensor(dtype, *expected.shape[1:]), "x")
    assert found.dtype == of
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [dtype for dtype in NUMBERS if dtype != "bool"])
def test_accepts_the_limits_of_the_type(dtype: str) -> None:
    of = np.dtype(dtype)
    limits: Any = np.finfo(of) if of.kind == "f" else np.iinfo(of)
    expected = np.array([[limits.min, limits.max]], of)
    np.testing.assert_array_equal(nested(expected.tolist(), tensor(dtype, 2), "x"), expected)


def test_accepts_strings() -> None:
    found = nested([["a", ""], ["é", "b"]], tensor("str", 2), "x")
    assert found.dtype == object
    assert found.tolist() == [["a", ""], ["é", "b"]]


def test_accepts_integers_for_floats() -> None:
    assert nested([[1, 2.5]], tensor("float32", 2), "x").tolist() == [[1.0, 2.5]]


@pytest.mark.parametrize(
    ("values", "dtype", "message"),
    [
        ([[1.0, "a"]], "float32", 'x: expected numbers, found the string "a" at [0, 1]: send numbers only'),
        ([[1.0, "1.5"]], "float32", 'found the string "1.5"'),
        ([[1.0, None]], "float32", "found null at [0, 1]"),
        ([[1.0, True]], "float64", "found true at [0, 1]"),
        ([[1.0, {}]], "float64", "found an object at [0, 1]"),
        ([[1.0, [2.0]]], "float64", "found a list at [0, 1]"),
        ([[[2.0], 1.0]], "float64", "expected lists only at depth 2, found a number"),
        ([[1.0], [1.0, 2.0]], "float32", "expected lists of equal length at depth 1, found lengths 1 and 2"),
        ([[1, True]], "int32", "expected integers for int32, found true at [0, 1]"),
        ([[1, 2.5]], "int32", "expected integers for int32, found 2.5 at [0, 1]"),
        ([[1, 256]], "uint8", "expected numbers within uint8, found 256 at [0, 1]"),
        ([[1, -1]], "uint64", "expected numbers within uint64, found -1 at [0, 1]"),
        ([[2**63, 1]], "int64", f"found {2**63} at [0, 0]"),
        ([[1e39, 1]], "float32", "expected numbers within float32, found 1e+39 at [0, 0]"),
        ([[70000.0, 1]], "float16", "expected numbers within float16, found 70000.0 at [0, 0]"),
        ([[1, 0]], "bool", "expected true or false, found 1 at [0, 0]"),
        ([["a", 1]], "str", "expected strings, found 1 at [0, 1]"),
        ([["ab", ["c", "d"]]], "str", "found a list at [0, 1]"),
        ([[["c", "d"], "ab"]], "str", "expected lists only at depth 2, found a string"),
        (3, "float32", "expected a list of samples, each float32 of shape (n, 2), found a number"),
        ({}, "float32", "found an object"),
        (None, "float32", "found null"),
    ],
)
def test_refuses_other_values(values: Any, dtype: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        nested(values, tensor(dtype, 2), "x")
    assert message in refused.value.message


def test_refuses_too_many_axes() -> None:
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(Invalid, match="at most 32 levels of lists, found more"):
        nested(deep, tensor("float32", 2), "x")


def test_flattens_nested_lists() -> None:
    assert flat([], "x") == ([], (0,))
    assert flat([[], []], "x") == ([], (2, 0))
    assert flat([[[1], [2]]], "x") == ([1, 2], (1, 2, 1))


def test_gives_values_a_shape() -> None:
    assert array([1, 2, 3, 4], (2, 2), tensor("int8", 2), "x").tolist() == [[1, 2], [3, 4]]


def test_prepares_arrays_for_json() -> None:
    assert jsonable(np.array([["a"]], object)) == [["a"]]
    assert jsonable(np.zeros((4, 4))[:, ::2]).flags.c_contiguous


@pytest.mark.parametrize("code", "?bhilqBHILQefd")
def test_encodes_single_numbers_of_all_types(code: str) -> None:
    found = jsonable(np.ones((2, 2), code)[:, 1])
    assert orjson.loads(orjson.dumps([found, found[0]], option=orjson.OPT_SERIALIZE_NUMPY)) == [[1, 1], 1]


@pytest.mark.parametrize("width", [0, 1, 1000, 2 * BLOCK_VALUES])
@pytest.mark.parametrize(("begin", "end"), [(0, 0), (0, 1), (7, 7), (7, 40), (0, 40)])
def test_blocks_give_the_same_list(width: int, begin: int, end: int) -> None:
    found = np.arange(40 * width, dtype=np.int64).reshape(40, width)
    assert orjson.loads(b"".join(json_blocks(begin, end, width, lambda first, last: found[first:last]))) == (
        found[begin:end].tolist()
    )


def test_the_values_of_a_block_are_bounded() -> None:
    sizes: list[int] = []

    def items(begin: int, end: int) -> list[int]:
        sizes.append(end - begin)
        return list(range(begin, end))

    assert orjson.loads(b"".join(json_blocks(0, 40_000, 3, items))) == list(range(40_000))
    assert max(sizes) == BLOCK_VALUES // 3


def test_values_and_positions_beyond_a_block() -> None:
    values = [[number % 100] for number in range(2 * BLOCK_VALUES + 5)]
    assert nested(values, tensor("int8", 1), "x").tolist() == values
    for bad, found in ((300, "300"), ("a", '"a"')):
        with pytest.raises(Invalid, match=rf"found .*{found} at \[{BLOCK_VALUES + 3}, 0\]"):
            nested([*values[: BLOCK_VALUES + 3], [bad], *values], tensor("int8", 1), "x")
