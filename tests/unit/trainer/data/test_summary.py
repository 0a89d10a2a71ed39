from typing import Any

import numpy as np
import pytest
from epochal_api.data_summary import DataSummary
from epochal_api.trainingjob.network import INPUT
from epochal_trainer.data.classes import count_parts
from epochal_trainer.data.samples import OUTPUT, Samples, SourceArray
from epochal_trainer.data.summary import summarize
from epochal_trainer.data.training_data import TrainingData

SPARSE, ROWS = "SparseCategoricalCrossentropy", "CategoricalCrossentropy"


def summary(
    labels: Any, units: int = 3, loss: str = SPARSE, ignored: int | None = None, names: tuple[str, ...] = ()
) -> DataSummary:
    labels = np.asarray(labels)
    features = np.arange(len(labels) * 2.0).reshape(-1, 2)
    train = Samples.single(features, labels, "a.npz[x]", "a.npz[y]")
    data = TrainingData(train, None, train.subset(slice(0, 2)), {}, output_classes={OUTPUT: names})
    return summarize(
        data, {OUTPUT: count_parts(data, (units,), loss, ignored)}, ignoring=[] if ignored is None else [OUTPUT]
    )[0]


def counts(found: DataSummary) -> list[tuple[str | None, float]]:
    classes = found.train.labels.classes
    return [(each.name, each.samples) for each in classes.by_class] if classes else []


def test_sets() -> None:
    found = summary([0, 2, 2, 1], names=("a", "b", "c"))
    assert found.validation is None
    assert found.test is not None
    assert (found.train.samples, found.test.samples) == (4, 2)
    features = found.train.features
    assert (features.source, features.shape, features.dtype) == ("a.npz[x]", [2], "float64")
    assert (features.lowest, features.highest, features.mean, features.missing) == (0, 7, 3.5, 0)
    assert [(each.lowest, each.highest, each.mean) for each in features.columns] == [(0, 6, 3), (1, 7, 4)]
    assert features.constant_columns == 0
    labels = found.train.labels
    assert (labels.shape, labels.columns, labels.constant_columns, labels.highest) == ([], [], None, 2)
    assert counts(found) == [("a", 1), ("b", 1), ("c", 2)]
    assert [(each.set, each.other, each.found) for each in found.shared] == [("test", "train", 2)]


def test_columns_have_the_names_of_the_data() -> None:
    train = Samples.single(np.arange(6.0).reshape(-1, 2), np.arange(3), "a.npz[x]", "a.npz[y]")
    data = TrainingData(train, None, train, {}, input_columns={INPUT: ("height", "width")})
    found = summarize(data, {})[0]
    for part in (found.train, found.test):
        assert part is not None
        assert [(each.name, each.highest) for each in part.features.columns] == [("height", 4), ("width", 5)]
        assert part.labels.columns == []


def test_json_without_names_that_are_missing() -> None:
    content = summary([0, 2, 2, 1]).dump()
    assert content["version"] == 1
    assert content["train"]["labels"]["classes"]["byClass"][2] == {"index": 2, "samples": 2.0}
    assert content["train"]["features"]["columns"][1] == {"lowest": 1, "highest": 7, "mean": 4, "missing": 0}
    assert DataSummary.model_validate(content).dump() == content


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(np.eye(3)[[0, 2, 2]], [1, 0, 2]), ([[0.9, 0.1, 0], [0, 0, 1]], [0.9, 0.1, 1])],
    ids=["one-hot", "fractions"],
)
def test_rows(labels: Any, expected: list[float]) -> None:
    found = summary(labels, loss=ROWS)
    assert [samples for _, samples in counts(found)] == expected
    assert len(found.train.labels.columns) == 3


def test_samples_without_a_class() -> None:
    classes = summary([0, -1, 2, -1], ignored=-1).train.labels.classes
    assert classes is not None
    assert (classes.count, classes.unlabeled) == (3, 2)


def test_two_classes_of_one_output() -> None:
    assert [samples for _, samples in counts(summary([0, 1, 1], 1, "BinaryCrossentropy"))] == [1, 2]


def test_numbers_of_a_regression() -> None:
    labels = summary([0.5, 2, -1], 1, "mse").train.labels
    assert labels.classes is None
    assert (labels.lowest, labels.highest, labels.mean) == (-1, 2, 0.5)


def test_most_frequent_classes_of_many() -> None:
    labels = np.append(np.arange(2000), [1999, 1500])
    classes = summary(labels, 2000).train.labels.classes
    assert classes is not None
    assert (classes.count, len(classes.by_class)) == (2000, 1000)
    assert [(each.index, each.samples) for each in classes.by_class[-2:]] == [(1500, 2), (1999, 2)]


def test_columns_of_another_number_have_no_names() -> None:
    train = Samples.single(np.arange(6.0).reshape(-1, 2), np.arange(3), "a.npz[x]", "a.npz[y]")
    narrow = Samples.single(np.arange(3.0).reshape(-1, 1), np.arange(3), "b.npz[x]", "b.npz[y]")
    found, *_ = summarize(TrainingData(train, None, narrow, {}, input_columns={INPUT: ("height", "width")}), {})
    assert found.test is not None
    assert [(each.name, each.highest) for each in found.test.features.columns] == [(None, 2)]


def test_columns_of_wide_tables_are_not_listed() -> None:
    features = np.zeros((2, 300))
    features[0, 0], features[1, 1] = 5, np.nan
    data = TrainingData(Samples.single(features, np.zeros(2), "x", "y"), None, None, {})
    found = summarize(data, {})[0].train.features
    assert (found.columns, found.constant_columns, found.missing, found.highest) == ([], 299, 1, 5)
    assert found.mean == pytest.approx(5 / 599)


def test_a_mean_that_overflows_is_absent() -> None:
    data = TrainingData(Samples.single(np.full((9, 2), 1e308), np.zeros(9), "x", "y"), None, None, {})
    found = summarize(data, {})[0].train.features
    assert (found.highest, found.mean, found.columns[0].mean) == (1e308, None, None)


def test_several_inputs_and_outputs() -> None:
    rows = np.arange(6)
    samples = Samples(
        {
            "image": SourceArray(rows.reshape(6, 1), "a.npz[image]"),
            "note": SourceArray(np.array([*"abcdef"]), "a.npz[note]"),
        },
        {"digit": SourceArray(rows % 3, "a.npz[digit]"), "size": SourceArray(rows / 4, "a.npz[size]")},
    )
    data = TrainingData(samples, None, None, {}, output_classes={"digit": ("a", "b", "c")})
    counts = {"digit": count_parts(data.view(output_name="digit"), (3,), SPARSE)}
    content = summarize(data, counts)[0].dump()["train"]
    assert (content["features"], content["labels"]) == (content["inputs"]["image"], content["outputs"]["digit"])
    assert content["inputs"]["note"] == {
        "source": "a.npz[note]",
        "shape": [],
        "dtype": "string",
        "missing": 0,
        "columns": [],
    }
    assert content["outputs"]["size"]["highest"] == 1.25
    assert "classes" not in content["outputs"]["size"]
    assert [each["name"] for each in content["outputs"]["digit"]["classes"]["byClass"]] == ["a", "b", "c"]
    assert {"inputs", "outputs"}.isdisjoint(summary([0, 1]).dump()["train"])
