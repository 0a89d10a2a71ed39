"""What is refused before it gets near the model, and how that is told."""

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_server.model.model import check, tensors
from epochal_server.refusals import Invalid

IMAGE = tensors([TensorSpec(name="image", shape=[2, 3], dtype="float32")])
PAIR = tensors([TensorSpec(name="a", shape=[], dtype="int64"), TensorSpec(name="b", shape=[-1], dtype="str")])


def image(*shape: int, dtype: str = "float32") -> dict[str, np.ndarray]:
    return {"image": np.zeros(shape, dtype)}


def text(*values: object) -> np.ndarray:
    return np.array(values, object).reshape(1, -1)


def test_counts_samples() -> None:
    assert check(image(5, 2, 3), IMAGE) == 5
    assert check({"b": text("x", "y"), "a": np.array([1])}, PAIR) == 1


@pytest.mark.parametrize(
    ("inputs", "told"),
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
def test_says_what_was_expected_and_found(inputs: dict[str, np.ndarray], told: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(inputs, IMAGE)
    assert told in refused.value.message
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"a": np.array([1, 2]), "b": text("x")}, 'found 2 in "a", 1 in "b"'),
        ({"a": np.array([1]), "b": text(1)}, "expected text, found something else"),
        ({"a": np.array([1]), "b": np.array(["x"])}, "expected str of shape (n, any), found str"),
        ({"a": np.array([1, 2]), "b": np.empty((2, 0), object)}, "send a value along each axis"),
        ({"a": np.array(1), "b": text("x")}, "expected int64 of shape (n,), found int64 of shape ()"),
    ],
)
def test_says_which_of_several_inputs_is_wrong(inputs: dict[str, np.ndarray], told: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(inputs, PAIR)
    assert told in refused.value.message
