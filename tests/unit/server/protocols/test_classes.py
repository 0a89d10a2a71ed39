"""The predicted classes in an answer."""

import numpy as np
import pytest
from epochal_server.model.model import Model
from epochal_server.protocols.classes import ClassPrediction, has_classes, labels, predicted_classes, top_classes
from epochal_server.refusals import Failed

from tests.kit.served import digits, model, small, spec

ANSWERS = np.array([[0.1, 0.7, 0.2], [0.4, 0.2, 0.4]], np.float64)


def binary(*, probabilities: bool = False) -> Model:
    return model([spec("x", (2,))], [spec("y", (1,))], probabilities=probabilities, classes=("no", "yes"))


def test_sorts_classes_by_value_and_then_by_index() -> None:
    assert top_classes(ANSWERS, 2, ("a", "b")) == [
        [ClassPrediction(1, "b", 0.7), ClassPrediction(2, None, 0.2)],
        [ClassPrediction(0, "a", 0.4), ClassPrediction(2, None, 0.4)],
    ]
    assert len(top_classes(ANSWERS, 5, None)[0]) == 3
    assert predicted_classes(ANSWERS) == [1, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64])
def test_sorts_integers_by_value(dtype: type[np.generic]) -> None:
    scores = np.array([[0, 127, 55]], dtype)
    assert [one.index for one in top_classes(scores, 3, None)[0]] == [1, 2, 0]
    assert top_classes(np.array([[-128, 1]], np.int8), 1, None)[0][0].index == 1


def test_nan_has_no_class() -> None:
    answers = np.array([[0.1, np.nan, 0.9], [0.1, 0.9, 0.0]])
    assert predicted_classes(answers) == [None, 1]
    assert predicted_classes(np.array([[np.nan], [0.9]])) == [None, 1]
    assert predicted_classes(np.array([[np.inf, 1.0]])) == [0]
    with pytest.raises(Failed, match="contains NaN"):
        top_classes(answers, 3, None)


def test_one_value_distinguishes_two_classes() -> None:
    values = np.array([[0.25], [0.75]])
    assert top_classes(values, 3, ("no", "yes")) == [
        [ClassPrediction(0, "no", 0.75), ClassPrediction(1, "yes", 0.25)],
        [ClassPrediction(1, "yes", 0.75), ClassPrediction(0, "no", 0.25)],
    ]
    assert predicted_classes(values) == [0, 1]


def test_labels_have_the_form_of_triton() -> None:
    outputs = [spec("y", (3,)), spec("z", (), "uint8"), spec("odd", (1,), probabilities=True, classes=["no", "yes"])]
    served = model([spec("x", (2,))], outputs, classes=("a", "b")).outputs
    assert labels(ANSWERS, 1, served["y"]).tolist() == [["0.700000:1:b"], ["0.400000:0:a"]]
    assert labels(np.array([1, 3], np.uint8), 9, served["z"]).tolist() == [["1.000000:0"], ["3.000000:0"]]
    assert labels(np.array([[0.25]]), 1, served["odd"]).tolist() == [["0.750000:0:no"]]


def test_one_probability_has_two_labels() -> None:
    values = np.array([[0.25], [0.75]], np.float32)
    one = binary(probabilities=True).first_output
    assert labels(values, 1, one).tolist() == [["0.750000:0:no"], ["0.750000:1:yes"]]
    assert labels(values, 2, binary().first_output).tolist() == [["0.250000:0"], ["0.750000:0"]]  # logits


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (digits(), True),
        (digits(probabilities=False), True),
        (small(), False),
        (binary(), False),
        (binary(probabilities=True), True),
        (small(probabilities=True), True),
        (model([spec("x", (2,))], [spec("mask", (8, 8, 3))], probabilities=True), False),
    ],
)
def test_some_models_have_classes(served: Model, *, expected: bool) -> None:
    assert has_classes(served.first_output) is expected
