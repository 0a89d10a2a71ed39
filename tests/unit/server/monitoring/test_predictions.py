"""Counts of the predicted classes."""

import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_server.monitoring import predictions

from tests.kit.models import model, signature


def signature_with_output(*shape: int, probabilities: bool = True) -> object:
    outputs = [TensorSpec(name="y", shape=list(shape), dtype="float32")]
    return signature(outputs=outputs, probabilities=probabilities)


def test_counts_the_class_with_the_greatest_value() -> None:
    served = model(signature_with_output(3), ("a", "b", "c"))  # type: ignore[arg-type]
    count = predictions.class_counter(served)
    assert predictions.class_names(served) == ("a", "b", "c")
    assert count is not None
    assert count({"y": np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0, 0.1, 0.9]])}).tolist() == [1, 0, 2]


def test_one_unit_distinguishes_two_classes() -> None:
    served = model(signature_with_output(1))  # type: ignore[arg-type]
    count = predictions.class_counter(served)
    assert predictions.class_names(served) == ["0", "1"]
    assert count is not None
    assert count({"y": np.array([[0.2], [0.7], [0.5]])}).tolist() == [2, 1]


@pytest.mark.parametrize(
    "signature_",
    [
        signature_with_output(3, probabilities=False),
        signature_with_output(8, 8, 3),
        signature_with_output(1001),
        signature_with_output(-1),
    ],
)
def test_models_without_classes_have_no_counts(signature_: object) -> None:
    served = model(signature_)  # type: ignore[arg-type]
    assert predictions.class_names(served) is None
    assert predictions.class_counter(served) is None


def test_ignores_names_of_another_number() -> None:
    for class_names in (("a", "b"), ("a", "b", "a")):
        assert predictions.class_names(model(signature_with_output(3), class_names)) == ["0", "1", "2"]  # type: ignore[arg-type]


def test_counts_no_class_for_nan() -> None:
    count = predictions.class_counter(model(signature_with_output(3), ("a", "b", "c")))  # type: ignore[arg-type]
    assert count is not None
    assert count({"y": np.array([[np.nan] * 3, [0.8, 0.1, 0.1]])}).tolist() == [1, 0, 0]
    assert count({"y": np.array([[np.nan] * 3])}).tolist() == [0, 0, 0]


def test_counts_samples_with_nan_or_infinity() -> None:
    answers = {
        "mask": np.array([[[0, np.inf]], [[0, 1]], [[1, 0]], [[np.nan, -np.inf]]], np.float32),
        "said": np.array(["a", "b", "c", "d"], object),
        "score": np.array([1, 2, np.nan, np.nan], np.float16),
        "count": np.array([1, 2, 3, 4]),
    }
    assert predictions.not_finite(answers) == 3
    assert predictions.not_finite({"y": np.zeros((2, 0), np.float32)}) == 0
