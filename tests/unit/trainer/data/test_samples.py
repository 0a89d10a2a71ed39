import numpy as np
import pytest
from epochal_trainer.data.arrays import Array
from epochal_trainer.data.description import describe
from epochal_trainer.data.samples import Samples, SourceArray
from epochal_trainer.data.training_data import TrainingData

IMAGES = np.zeros((60_000, 28, 28), "u1")


@pytest.mark.parametrize(
    ("features", "labels", "line"),
    [
        (IMAGES, np.arange(60_000) % 10, "images: 60,000 × 28×28 uint8, 10 classes"),
        (IMAGES, (np.arange(60_000) % 10).reshape(-1, 1), "images: 60,000 × 28×28 uint8, 10 classes"),
        (IMAGES[:2], np.array([7, 7], "u1"), "images: 2 × 28×28 uint8, 1 class"),
        (np.zeros(3, "f4"), np.array([True, False, True]), "images: 3 float32, 2 classes"),
        (IMAGES[:3], np.eye(3, dtype="f4"), "images: 3 × 28×28 uint8, labels of 3 float32"),
        (IMAGES[:3], np.array([0.5, 1.5, 2.5]), "images: 3 × 28×28 uint8, one float64 number per sample"),
        (IMAGES[:3], np.array([-5, 1, 2_000_000]), "images: 3 × 28×28 uint8, labels from -5 to 2,000,000"),
    ],
)
def test_description(features: Array, labels: Array, line: str) -> None:
    assert describe(Samples.single(features, labels, "images", "labels")) == line


def test_description_of_weights() -> None:
    samples = Samples.single(
        np.zeros((4, 2), "u1"), np.arange(4, dtype="u1"), "x", "y", np.array([0, 1, 0.5, 2], "f4"), weights_source="w"
    )
    assert describe(samples) == "x: 4 × 2 uint8, 4 classes, weights from 0 to 2"
    assert samples.nbytes == 8 + 4 + 16


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([1, 2])])
def test_subset(rows: slice | Array) -> None:
    samples = Samples.single(np.arange(4), np.arange(4) + 10, "x", "y", np.arange(4) + 20, weights_source="w")
    subset = samples.subset(rows)
    assert subset.weights is not None
    assert [subset.features.tolist(), subset.labels.tolist(), subset.weights.tolist()] == [[1, 2], [11, 12], [21, 22]]
    assert (subset.features_source, subset.labels_source, subset.weights_source) == ("x", "y", "w")


@pytest.mark.parametrize(("samples", "batch_size", "steps"), [(10, 5, 2), (11, 5, 3), (3, 5, 1)])
def test_steps_per_epoch(samples: int, batch_size: int, steps: int) -> None:
    dataset = Samples.single(np.zeros(samples), np.zeros(samples), "features", "labels")
    order = dataset.order(batch_size=batch_size, seed=7)
    assert (order.samples, order.batch_size, order.seed, order.steps) == (samples, batch_size, 7, steps)
    other = dataset.order(batch_size=batch_size, seed=7, steps=9)
    assert (other.steps, other.steps_per_pass) == (9, steps)
    assert other != order


def several(count: int = 6) -> Samples:
    """Samples of two inputs and two outputs, one of them with weights for positions."""
    rows = np.arange(count)
    return Samples(
        {
            "image": SourceArray(rows[:, np.newaxis], "a.npz[image]"),
            "note": SourceArray(rows.astype(str), "a.npz[note]"),
        },
        {"digit": SourceArray(rows % 3, "a.npz[digit]"), "odd": SourceArray(rows % 2, "a.npz[odd]")},
        {name: SourceArray(rows + 1.0, "a.npz[sample_weight]") for name in ("digit", "odd")},
    )


def test_views_of_inputs_and_outputs() -> None:
    samples = several()
    view = samples.view(input_name="note", output_name="odd")
    assert (view.features_source, view.labels_source, view.weights_source) == (
        "a.npz[note]",
        "a.npz[odd]",
        "a.npz[sample_weight]",
    )
    assert view.labels.tolist() == [0, 1, 0, 1, 0, 1]
    updated = samples.update(view.with_labels(view.labels[:, np.newaxis]))
    assert {name: array.values.shape for name, array in updated.outputs.items()} == {"digit": (6,), "odd": (6, 1)}
    assert list(updated.outputs) == ["digit", "odd"]
    with pytest.raises(ValueError, match="too many values"):
        _ = samples.labels


def test_a_subset_has_all_arrays() -> None:
    subset = several().subset(np.array([4, 1]))
    arrays = [*subset.inputs.values(), *subset.outputs.values(), *subset.output_weights.values()]
    assert [array.values.ravel().tolist() for array in arrays] == [
        *([4, 1], ["4", "1"]),
        *([1, 1], [0, 1]),
        *([5.0, 2.0], [5.0, 2.0]),
    ]
    assert len(subset) == 2


def test_description_of_several_arrays() -> None:
    assert describe(several()) == (
        "a.npz[image]: 6 × 1 int64, a.npz[note]: 6 string, a.npz[digit]: 3 classes, a.npz[odd]: 2 classes, "
        "weights from 1 to 6"
    )


@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_of_several_arrays(*, shuffled: bool) -> None:
    samples = several()
    order = samples.order(batch_size=4, seed=1)
    batches = samples.shuffled_batches(order).from_step(0, 0, until_pass=1) if shuffled else samples.ordered_batches(4)
    first, second = list(batches)
    (image, note), (digit, odd), (weight, other_weight) = first
    rows = image.numpy().ravel()
    assert (rows.tolist() == [0, 1, 2, 3]) is not shuffled
    assert [text.decode() for text in note.numpy()] == [str(row) for row in rows]
    assert np.array_equal(digit, rows % 3)
    assert np.array_equal(odd, rows % 2)
    assert np.array_equal(weight, rows + 1)
    assert np.array_equal(other_weight, rows + 1)
    assert len(second[0][0]) == 2


def test_data_with_a_view_of_one_output_has_the_names_of_its_classes() -> None:
    data = TrainingData(several(), None, several(2), {}, output_classes={"odd": ("even", "odd")})
    assert data.class_names == ()
    view = data.view(output_name="odd")
    assert view.class_names == ("even", "odd")
    assert view.test is not None
    assert list(view.test.outputs) == ["odd"]
    assert data.view(output_name="digit").class_names == ()
    assert data.dump()["sampleWeights"]["train"] == {"from": "a.npz[sample_weight]", "least": 1.0, "greatest": 6.0}
