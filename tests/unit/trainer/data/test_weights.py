from typing import Any

import numpy as np
import pytest
from epochal_api.trainingjob.network import Named
from epochal_trainer.data.arrays import Array
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.weights import apply_class_weights, check_part_weights, check_weights
from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights
from sklearn.utils.class_weight import compute_class_weight

from tests.unit.trainer.expect import expect_failure

LABELS = np.array([0, 0, 0, 1, 1, 4])
SPARSE = Named(name="SparseCategoricalCrossentropy")


def samples(labels: Array = LABELS, weights: Any = None) -> Samples:
    found = None if weights is None else np.asarray(weights)
    return Samples.single(np.zeros(len(labels)), labels, "x", "y", found, weights_source="sample_weight")


@pytest.mark.parametrize(
    ("weights", "output", "shape"),
    [
        (np.arange(6), [10], (6,)),
        (np.arange(6.0).reshape(6, 1), [10], (6,)),
        (np.arange(6) > 2, [1], (6,)),
        (np.arange(6), [8, 10], (6, 1)),
        (np.arange(6), [8, 8, 3], (6, 1, 1)),
        (np.ones((6, 8)), [8, 10], (6, 8)),
        (np.ones((6, 8)), [None, 10], (6, 8)),
    ],
)
def test_weights_get_the_axes_of_the_losses(weights: Array, output: list[int | None], shape: tuple[int, ...]) -> None:
    found = check_weights(samples(weights=weights), [output]).weights
    assert found is not None
    assert (found.shape, found.dtype.name) == (shape, "float32")
    np.testing.assert_array_equal(found.reshape(-1), weights.reshape(-1))


def test_no_weights() -> None:
    assert check_weights(samples(), [[10]]).weights is None


@pytest.mark.parametrize(
    ("weights", "output", "reason", "message"),
    [
        (np.ones((6, 2)), [10], "ShapeMismatch", "2 weights for each sample: there must be one$"),
        (np.ones((6, 2)), [8, 10], "ShapeMismatch", "2 weights for each sample: there must be one, or 8$"),
        ([1, 1, -0.5, 1, 1, 1], [10], "InvalidData", r"-0.5 at \[2\], but a weight must be from 0 to 1,000,000,000"),
        (np.full((6, 1), 1e10), [10], "InvalidData", r"10000000000.0 at \[0\]"),
        (np.zeros(6), [10], "InvalidData", "only zeros: all samples would have the weight 0"),
    ],
)
def test_invalid_weights(weights: Any, output: list[int | None], reason: str, message: str) -> None:
    with expect_failure(reason, f"^sample_weight holds {message}", 65):
        check_weights(samples(weights=weights), [output])


def test_part_with_zero_weights() -> None:
    check_part_weights(None, "validation")
    check_part_weights(samples(), "training")
    check_part_weights(samples(weights=np.arange(6)), "training")
    message = "^sample_weight holds only zeros in the training part, .* Use stratify"
    with expect_failure("InvalidData", message, 65):
        check_part_weights(samples(weights=np.zeros(6)), "training")


@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        (LABELS, "SparseCategoricalCrossentropy"),
        (LABELS.reshape(-1, 1), "SparseCategoricalCrossentropy"),
        (np.eye(5)[LABELS], "CategoricalCrossentropy"),
        ((LABELS == 0).astype("u1"), "BinaryCrossentropy"),
    ],
    ids=["indices", "a column", "one-hot", "binary"],
)
@pytest.mark.parametrize("sample_weight", [None, np.arange(6)], ids=["alone", "with sample_weight"])
def test_class_weights_as_in_keras(labels: Array, loss: str, sample_weight: Array | None) -> None:
    checked = check_weights(samples(labels, sample_weight), [[5]])
    found, by_class = apply_class_weights(checked, {"0": "0.1", "1": "2"}, Named(name=loss))
    expected = class_weight_to_sample_weights(labels, {0: 0.1, 1: 2.0})
    np.testing.assert_array_equal(
        found.weights, expected if sample_weight is None else expected * sample_weight.astype("f4")
    )
    assert by_class == ({0: 0.1, 1: 2.0} if loss == "BinaryCrossentropy" else {0: 0.1, 1: 2.0, 4: 1.0})


def test_balanced_class_weights_as_in_scikit_learn() -> None:
    found, by_class = apply_class_weights(samples(), "Balanced", SPARSE)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 4]), y=LABELS)
    assert by_class == pytest.approx(dict(zip([0, 1, 4], expected, strict=True)))
    assert found.weights is not None
    assert found.weights.sum() == pytest.approx(len(LABELS))


def test_balanced_class_weights_skip_the_ignored_class() -> None:
    labels = np.array([0, 0, 0, 1, 255, 255])
    _, by_class = apply_class_weights(samples(labels), "Balanced", Named(name=SPARSE.name, ignore_class=255))
    assert by_class == pytest.approx({0: 4 / 6, 1: 2.0, 255: 1.0})


@pytest.mark.parametrize(
    ("labels", "loss", "expected", "message"),
    [
        (LABELS, SPARSE.name, {"0": "1", "3": "5"}, "has a weight for class 3, but the classes .* in y, are 0, 1, 4"),
        (LABELS, SPARSE.name, {"0": "0", "1": "0", "4": "0"}, "spec.training.classWeight is 0 for all samples of y"),
        (
            LABELS / 2,
            "mse",
            {"0": "2"},
            "y holds values other .* mse compares as numbers: class weights need labels that name a c",
        ),
        (
            np.ones((6, 3)),
            "BinaryCrossentropy",
            "Balanced",
            "y holds rows of 3 values that are not one-hot.*sample_weight",
        ),
        (np.zeros((6, 4, 4), "u1"), SPARSE.name, "Balanced", "y holds 4×4 labels for each sample"),
    ],
)
def test_invalid_class_weights(labels: Array, loss: str, expected: Any, message: str) -> None:
    with expect_failure("InvalidTraining", f"^spec.training.classWeight: {message}", 64):
        apply_class_weights(samples(labels), expected, Named(name=loss))
