from typing import Any

import numpy as np
import pytest
from epochal_api.trainingjob.network import Named
from epochal_trainer.data.samples import Array, Samples
from epochal_trainer.data.weights import check_part, check_weights, weighted_by_class
from epochal_trainer.lib.failures import Failure
from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights
from sklearn.utils.class_weight import compute_class_weight

LABELS = np.array([0, 0, 0, 1, 1, 4])
SPARSE = Named(name="SparseCategoricalCrossentropy")


def samples(labels: Array = LABELS, weights: Any = None) -> Samples:
    found = None if weights is None else np.asarray(weights)
    return Samples(np.zeros(len(labels)), labels, "x", "y", found, "" if weights is None else "sample_weight")


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
def test_weights_are_laid_along_the_losses(weights: Array, output: list[int | None], shape: tuple[int, ...]) -> None:
    found = check_weights(samples(weights=weights), output).weights
    assert found is not None
    assert (found.shape, found.dtype.name) == (shape, "float32")
    np.testing.assert_array_equal(found.reshape(-1), weights.reshape(-1))


def test_without_weights_there_are_none() -> None:
    assert check_weights(samples(), [10]).weights is None


@pytest.mark.parametrize(
    ("weights", "output", "reason", "message"),
    [
        (np.ones((6, 2)), [10], "ShapeMismatch", "2 weights for each sample: there must be one$"),
        (np.ones((6, 2)), [8, 10], "ShapeMismatch", "2 weights for each sample: there must be one, or 8$"),
        ([1, 1, -0.5, 1, 1, 1], [10], "InvalidData", r"-0.5 at \[2\], and a weight must be from 0 to 1,000,000,000"),
        (np.full((6, 1), 1e10), [10], "InvalidData", r"10000000000.0 at \[0\]"),
        (np.zeros(6), [10], "InvalidData", "zeros alone: no sample would count"),
    ],
)
def test_weights_that_cannot_be_used(weights: Any, output: list[int | None], reason: str, message: str) -> None:
    with pytest.raises(Failure, match=f"^sample_weight holds {message}") as caught:
        check_weights(samples(weights=weights), output)
    assert (caught.value.reason, caught.value.exit_code) == (reason, 65)


def test_a_part_in_which_nothing_counts_is_refused() -> None:
    check_part(None, "validation")
    check_part(samples(), "training")
    check_part(samples(weights=np.arange(6)), "training")
    message = "^sample_weight holds zeros alone in the training part: .* Use stratify"
    with pytest.raises(Failure, match=message) as caught:
        check_part(samples(weights=np.zeros(6)), "training")
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidData", 65)


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
@pytest.mark.parametrize("beside", [None, np.arange(6)], ids=["alone", "with sample_weight"])
def test_classes_weigh_what_keras_has_them_weigh(labels: Array, loss: str, beside: Array | None) -> None:
    given = check_weights(samples(labels, beside), [5])
    found, by_class = weighted_by_class(given, {"0": "0.1", "1": "2"}, Named(name=loss))
    wanted = class_weight_to_sample_weights(labels, {0: 0.1, 1: 2.0})
    np.testing.assert_array_equal(found.weights, wanted if beside is None else wanted * beside.astype("f4"))
    assert by_class == ({0: 0.1, 1: 2.0} if loss == "BinaryCrossentropy" else {0: 0.1, 1: 2.0, 4: 1.0})


def test_balanced_is_what_scikit_learn_calls_so() -> None:
    found, by_class = weighted_by_class(samples(), "Balanced", SPARSE)
    wanted = compute_class_weight("balanced", classes=np.array([0, 1, 4]), y=LABELS)
    assert by_class == pytest.approx(dict(zip([0, 1, 4], wanted, strict=True)))
    assert found.weights is not None
    assert found.weights.sum() == pytest.approx(len(LABELS))


def test_a_label_that_the_loss_ignores_is_no_class_to_balance() -> None:
    labels = np.array([0, 0, 0, 1, 255, 255])
    _, by_class = weighted_by_class(samples(labels), "Balanced", Named(name=SPARSE.name, ignore_class=255))
    assert by_class == pytest.approx({0: 4 / 6, 1: 2.0, 255: 1.0})


@pytest.mark.parametrize(
    ("labels", "loss", "wanted", "message"),
    [
        (LABELS, SPARSE.name, {"0": "1", "3": "5"}, "names class 3, and the classes to train on, in y, are 0, 1, 4"),
        (LABELS, SPARSE.name, {"0": "0", "1": "0", "4": "0"}, "spec.training.classWeight is 0 for all samples of y"),
        (LABELS / 2, "mse", {"0": "2"}, "y holds other values .* mse takes for numbers: it needs labels that name a c"),
        (np.ones((6, 3)), "BinaryCrossentropy", "Balanced", "y holds rows of 3 that are not one-hot.*sample_weight"),
        (np.zeros((6, 4, 4), "u1"), SPARSE.name, "Balanced", "y holds 4×4 labels for each sample"),
    ],
)
def test_classes_that_cannot_be_weighted(labels: Array, loss: str, wanted: Any, message: str) -> None:
    with pytest.raises(Failure, match=f"^spec.training.classWeight: {message}") as caught:
        weighted_by_class(samples(labels), wanted, Named(name=loss))
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)
