"""Predictions are counted by class where a model tells classes apart."""

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_server.monitoring import predictions

from tests.kit.models import model, signature


def giving(*shape: int, probabilities: bool = True) -> object:
    outputs = [TensorSpec(name="y", shape=list(shape), dtype="float32")]
    return signature(outputs=outputs, probabilities=probabilities)


def test_counts_by_the_greatest_probability() -> None:
    of = model(giving(3), ("a", "b", "c"))  # type: ignore[arg-type]
    count = predictions.counted(of)
    assert predictions.names(of) == ("a", "b", "c")
    assert count is not None
    assert count({"y": np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0, 0.1, 0.9]])}).tolist() == [1, 0, 2]


def test_one_unit_tells_two_classes_apart() -> None:
    of = model(giving(1))  # type: ignore[arg-type]
    count = predictions.counted(of)
    assert predictions.names(of) == ["0", "1"]
    assert count is not None
    assert count({"y": np.array([[0.2], [0.7], [0.5]])}).tolist() == [2, 1]


@pytest.mark.parametrize("told", [giving(3, probabilities=False), giving(8, 8, 3), giving(1001), giving(-1)])
def test_counts_nothing_else(told: object) -> None:
    of = model(told)  # type: ignore[arg-type]
    assert predictions.names(of) is None
    assert predictions.counted(of) is None


def test_names_that_are_not_as_many_as_the_classes_are_not_used() -> None:
    for names in (("a", "b"), ("a", "b", "a")):
        assert predictions.names(model(giving(3), names)) == ["0", "1", "2"]  # type: ignore[arg-type]


def test_what_is_no_number_is_counted_as_no_class() -> None:
    count = predictions.counted(model(giving(3), ("a", "b", "c")))  # type: ignore[arg-type]
    assert count is not None
    assert count({"y": np.array([[np.nan] * 3, [0.8, 0.1, 0.1]])}).tolist() == [1, 0, 0]
    assert count({"y": np.array([[np.nan] * 3])}).tolist() == [0, 0, 0]


def test_samples_that_no_number_was_given_for_are_counted() -> None:
    answers = {
        "mask": np.array([[[0, np.inf]], [[0, 1]], [[1, 0]], [[np.nan, -np.inf]]], np.float32),
        "said": np.array(["a", "b", "c", "d"], object),
        "score": np.array([1, 2, np.nan, np.nan], np.float16),
        "count": np.array([1, 2, 3, 4]),
    }
    assert predictions.not_finite(answers) == 3
    assert predictions.not_finite({"y": np.zeros((2, 0), np.float32)}) == 0
