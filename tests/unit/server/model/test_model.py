"""The check of a request's arrays, and the predicted size of an answer."""

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_server.model.model import Tensor, check
from epochal_server.refusals import Invalid

from tests.kit.served import digits, model, pair, small, spec

IMAGE = {"image": Tensor.of(TensorSpec(name="image", shape=[2, 3], dtype="float32"))}
PAIR = {
    "a": Tensor.of(TensorSpec(name="a", shape=[], dtype="int64")),
    "b": Tensor.of(TensorSpec(name="b", shape=[-1], dtype="str")),
}


def image(*shape: int, dtype: str = "float32") -> dict[str, np.ndarray]:
    return {"image": np.zeros(shape, dtype)}


def text(*values: object) -> np.ndarray:
    return np.array(values, object).reshape(1, -1)


def test_returns_the_number_of_samples() -> None:
    assert check(image(5, 2, 3), IMAGE) == 5
    assert check({"b": text("x", "y"), "a": np.array([1])}, PAIR) == 1


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (image(1, 3, 2), 'input "image": expected float32 of shape (n, 2, 3), found float32 of shape (1, 3, 2)'),
        (image(2, 3), "found float32 of shape (2, 3)"),
        (image(), "found float32 of shape ()"),
        (image(0, 2, 3), "found no sample"),
        (image(1, 2, 3, dtype="float64"), "found float64 of shape (1, 2, 3): send float32"),
        ({"image": np.full((1, 2, 3), np.nan, np.float32)}, "found nan at [0, 0, 0]"),
        ({"image": np.full((1, 2, 3), -np.inf, np.float32)}, "found -inf at [0, 0, 0]"),
        ({}, 'inputs: expected "image", found none'),
        ({**image(1, 2, 3), "mask": np.zeros(1)}, 'inputs: expected "image", found "image", "mask"'),
    ],
)
def test_message_has_the_expected_and_the_found_array(inputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(inputs, IMAGE)
    assert message in refused.value.message
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": np.array([1, 2]), "b": text("x")}, 'found 2 in "a", 1 in "b"'),
        ({"a": np.array([1]), "b": text(1)}, "expected strings, found other values"),
        ({"a": np.array([1]), "b": np.array(["x"])}, "expected str of shape (n, any), found str"),
        ({"a": np.array([1, 2]), "b": np.empty((2, 0), object)}, "send no axis of length 0"),
        ({"a": np.array(1), "b": text("x")}, "expected int64 of shape (n,), found int64 of shape ()"),
    ],
)
def test_message_names_the_invalid_input(inputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(inputs, PAIR)
    assert message in refused.value.message


def test_predicts_the_bytes_of_outputs_with_a_fixed_shape() -> None:
    assert digits().answer_bytes({"image": np.zeros((3, 28, 28, 1))}) == 3 * 10 * 4
    assert small().answer_bytes({"x": np.zeros((2, 2))}) == 2 * 3 * 4
    several = model([spec("x", ())], [spec("a", (4, 4), "float64"), spec("b", (-1, 4)), spec("c", (), "uint8")])
    assert several.answer_bytes({"x": np.zeros(5)}) == 5 * (16 * 8 + 1)
    assert pair().answer_bytes({"count": np.zeros(1)}) == 2 * 4 + 8


def test_predicts_no_bytes_for_invalid_inputs() -> None:
    assert small().answer_bytes({}) == 0
    assert small().answer_bytes({"x": np.array(1.0)}) == 0
