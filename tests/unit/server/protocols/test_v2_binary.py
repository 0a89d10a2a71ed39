"""Tensors as bytes."""

from contextlib import suppress

import numpy as np
import pytest
from epochal_server.model.datatypes import DATA_TYPES
from epochal_server.model.model import Tensor
from epochal_server.protocols.v2_binary import array, packed
from epochal_server.refusals import Invalid
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from tests.kit.served import spec, texts


def tensor(dtype: str, *shape: int) -> Tensor:
    return Tensor.of(spec("x", shape, dtype))


@given(st.data(), st.integers(0, 9))
@pytest.mark.parametrize("dtype", sorted(of.name for of in DATA_TYPES if of.kind != "O"))
def test_arrays_survive_packing(dtype: str, data: st.DataObject, before: int) -> None:
    expected = data.draw(arrays.arrays(dtype, arrays.array_shapes(max_dims=3, max_side=3)))
    body = memoryview(b"x" * before + packed(expected))
    found = array(body[before:], expected.shape, tensor(dtype, *expected.shape[1:]), "x")
    assert found.dtype == expected.dtype
    assert found.flags.aligned
    np.testing.assert_array_equal(found, expected)


@given(st.lists(st.text(), min_size=1))
def test_strings_have_the_form_of_triton(words: list[str]) -> None:
    sent = serialize_byte_tensor(texts(*words)).item()
    assert array(memoryview(sent), [len(words)], tensor("str"), "x").tolist() == words
    back = deserialize_bytes_tensor(packed(texts(*words)))
    assert [one.decode() for one in back] == words


def test_every_other_byte_than_zero_is_true() -> None:
    assert array(memoryview(b"\x00\x02"), [2], tensor("bool"), "x").tolist() == [False, True]


@pytest.mark.parametrize(
    ("data", "shape", "dtype", "message"),
    [
        (b"1234567", [1, 2], "float32", "expected 8 bytes for float32 of shape [1, 2], found 7"),
        (b"", [1, 2], "float32", "found 0"),
        (b"", [2**40, 2**40], "float32", "found 0"),
        (b"\x01\0\0\0", [1], "str", "expected 1 strings, found string 0 truncated"),
        (b"\x01\0", [1], "str", "found string 0 truncated"),
        (b"\xff\xff\xff\xffa", [1], "str", "found string 0 truncated"),
        (b"\x01\0\0\0a", [2], "str", "expected 2 strings for its shape, found 1"),
        (b"\x01\0\0\0a" * 3, [1], "str", "expected 1 strings for its shape, found more"),
        (b"\x01\0\0\0\xff", [1], "str", "expected UTF-8 strings"),
        (b"", [2**40], "str", "expected 1099511627776 strings for its shape, found 0"),
    ],
)
def test_refuses_invalid_bytes(data: bytes, shape: list[int], dtype: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        array(memoryview(data), shape, tensor(dtype), "x")
    assert message in refused.value.message


@given(st.binary(max_size=40), st.integers(0, 4))
def test_survives_any_bytes_of_strings(data: bytes, count: int) -> None:
    with suppress(Invalid):
        assert array(memoryview(data), [count], tensor("str"), "x").shape == (count,)
