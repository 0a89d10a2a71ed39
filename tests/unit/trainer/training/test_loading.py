import inspect
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_api.trainingjob.training import Training
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import network
from epochal_trainer.model.compile import compile_model
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training.loading import load_data

from tests.unit.trainer.expect import expect_failure

LABELS = np.array([0, 1, 2, 2, 2, 1, 0, 2, 1, 0])


def read(
    folder: Path,
    labels: Any = LABELS,
    *,
    width: int = 4,
    units: int = 3,
    data: Any = None,
    weights: Any = None,
    names: Any = None,
    columns: Any = None,
    shape: tuple[int, ...] = (4,),
    **training: Any,
) -> TrainingData:
    spec = TrainingJobSpec.model_validate(
        {
            "storage": {"secretRef": {"name": "none"}},
            "data": {"bucket": "data", "train": {"object": "a.npz"}, "validation": {"split": "0.2"}, **(data or {})},
            "network": {
                "input": {"shape": list(shape)},
                "layers": [{"layer": "Flatten"}, {"layer": "Dense", "units": units}],
            },
            "training": {"loss": "SparseCategoricalCrossentropy", **training},
            "results": {"bucket": "results"},
        }
    )
    arrays = {"x": np.zeros((len(labels), width)), "y": labels, "sample_weight": weights, "class_names": names}
    arrays["feature_names"] = columns
    np.savez(folder / "a.npz", **{name: array for name, array in arrays.items() if array is not None})
    assert spec.network is not None
    model = network.build(spec.network, seed=1, memory=1 << 30)
    return load_data(spec, FolderBucket(folder), model, scratch=folder, memory=MemoryBudget())


@pytest.mark.parametrize(("names", "known"), [(["cat", "dog", "cow"], True), (["cat", "dog"], False)])
def test_class_names(tmp_path: Path, caplog: pytest.LogCaptureFixture, names: list[str], *, known: bool) -> None:
    with caplog.at_level("INFO"):
        data = read(tmp_path, names=names)
    assert data.class_names == (tuple(names) if known else ())
    assert ("Classes, from a.npz[class_names]: cat, dog, cow" in caplog.messages) == known
    assert data.validation is not None
    assert data.validation.class_names == data.train.class_names


@pytest.mark.parametrize(
    ("columns", "shape", "error"),
    [
        ([*"abcd"], (4,), ""),
        ([*"abc"], (4,), "holds 3 feature names, but a.npz[x] has 4 columns"),
        (["a", "b", "c", ""], (4,), "holds '' at [3]: a name must be 1 to 128 characters of one line"),
        ([*"abcd"], (4, 1), "holds 4 feature names, but a sample is not a row of a table"),
    ],
)
def test_names_of_columns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, columns: list[str], shape: tuple[int, ...], error: str
) -> None:
    with caplog.at_level("INFO"):
        data = read(tmp_path, columns=columns, shape=shape)
    assert data.feature_names == (() if error else ("a", "b", "c", "d"))
    assert ("Columns, from a.npz[feature_names]: a, b, c, d" in caplog.messages) == (not error)
    found = [message for message in caplog.messages if message.startswith("a.npz[feature_names] ")]
    assert len(found) == bool(error)
    assert all(error in message for message in found)


def test_log_of_the_data_sets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        data = read(tmp_path)
    assert data.validation is not None
    assert (len(data.train), len(data.validation), data.train.weights) == (8, 2, None)
    lines = [line.split(":")[0] for line in caplog.messages if line.startswith("Data")]
    assert lines == ["Data for training", "Data for validation", "Data"]


def test_class_weights_apply_to_the_training_part(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        data = read(tmp_path, classWeight={"0": "2.5"})
    assert data.train.weights is not None
    assert data.train.weights.tolist() == [2.5 if label == 0 else 1.0 for label in LABELS[:8]]
    assert data.validation is not None
    assert data.validation.weights is None
    assert "Class weights: 0: 2.5" in caplog.text


@pytest.mark.parametrize(
    ("changes", "reason"), [({"labels": LABELS + 1}, "InvalidLabels"), ({"width": 5}, "ShapeMismatch")], ids=str
)
def test_data_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with expect_failure(reason):
        read(tmp_path, **changes)


DRAWN = [{}, {"shuffle": True}, {"validation": {"split": "0.5", "stratify": True}}]


@pytest.mark.parametrize("data", DRAWN, ids=str)
def test_wrong_label_is_reported_by_its_index_in_the_object(tmp_path: Path, data: dict[str, Any]) -> None:
    labels = np.array([*LABELS, *LABELS, 7, *LABELS])
    with pytest.raises(Failure, match=r"^a.npz\[y\] holds 7 at \[20\], but a class index must be from 0 to 2"):
        read(tmp_path, labels, data=data)


@pytest.mark.parametrize(
    ("labels", "loss", "message"),
    [
        (
            np.eye(3)[LABELS],
            "SparseCategoricalCrossentropy",
            r"holds rows of 3 values, .*: use CategoricalCrossentropy$",
        ),
        (LABELS, "BinaryCrossentropy", "holds one label .* output of 3; use SparseCategoricalCrossentropy"),
        (LABELS, "mse", "holds one label .* output of 3; use SparseCategoricalCrossentropy"),
    ],
    ids=["rows", "indices", "indices as numbers"],
)
@pytest.mark.parametrize("data", DRAWN, ids=str)
def test_wrong_loss_with_any_split(tmp_path: Path, labels: Any, loss: str, message: str, data: dict[str, Any]) -> None:
    with expect_failure("InvalidLabels", rf"^a.npz\[y\] {message}"):
        read(tmp_path, labels, data=data, loss=loss)


def test_stratify_one_hot_rows(tmp_path: Path) -> None:
    found = read(tmp_path, np.eye(3)[LABELS], data=DRAWN[2], loss="CategoricalCrossentropy").validation
    assert found is not None
    assert found.labels.sum(axis=0).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("data", DRAWN, ids=str)
def test_added_axis_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture, data: dict[str, Any]) -> None:
    with caplog.at_level("INFO"):
        found = read(tmp_path, data=data, shape=(4, 1))
    assert found.validation is not None
    assert found.train.features.shape[1:] == found.validation.features.shape[1:] == (4, 1)
    (line,) = (line for line in caplog.messages if "an axis of 1 is added" in line)
    assert line == "a.npz[x]: a sample is 4, and the network takes 4×1: an axis of 1 is added"


@pytest.mark.parametrize("at", [0, 8])
def test_part_with_zero_weights(tmp_path: Path, at: int) -> None:
    weights = np.zeros(10)
    weights[at] = 1
    part = "validation" if at == 0 else "training"
    with pytest.raises(Failure, match=f"only zeros in the {part} part"):
        read(tmp_path, weights=weights)


ABSTRACT = {"Loss", "Metric", "Mean", "MeanMetricWrapper", "Sum"}
SEVERAL_OUTPUTS = {"CTC", "SparseCategoricalCrossentropy", "TopKCategoricalAccuracy"}
"""Losses and metrics for which Keras refuses a single output."""
REFUSED_LOSSES = {
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
}
"""Losses for which `match_labels` refuses a single label, or class indices of a single output."""
REQUIRED = {"num_classes": 2, "target_class_ids": [1]}
"""Values for arguments that have no default; a number for the others."""


def with_single_output() -> list[tuple[str, str]]:
    """Returns each loss and each metric of Keras that a network with one output can have."""
    found = []
    for field, module in (("loss", keras.losses), ("metrics", keras.metrics)):
        base = keras.losses.Loss if field == "loss" else keras.metrics.Metric
        classes = {name for name, kind in vars(module).items() if inspect.isclass(kind) and issubclass(kind, base)}
        classes -= ABSTRACT | SEVERAL_OUTPUTS | (REFUSED_LOSSES if field == "loss" else set())
        found += [(field, name) for name in sorted(classes)]
    return found


@pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy:SyntaxWarning")
@pytest.mark.parametrize(("field", "name"), with_single_output())
def test_a_column_of_labels_gives_the_same_metrics(tmp_path: Path, field: str, name: str) -> None:
    """Some metrics of Keras broadcast labels (n,) and outputs (n, 1) to (n, n)."""
    module = keras.losses if field == "loss" else keras.metrics
    parameters = inspect.signature(getattr(module, name)).parameters.values()
    required = [
        each.name for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    named = {"name": name, **{argument: REQUIRED.get(argument, 0.5) for argument in required}}
    training: dict[str, Any] = (
        {"loss": named} if field == "loss" else {"loss": "BinaryCrossentropy", "metrics": [named]}
    )
    labels = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 1], "f4")
    values = []
    for array in (labels, labels[:, None]):
        data = read(tmp_path, array, units=1, data={"validation": None}, **training)
        spec = Training.model_validate(training)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
        compile_model(model, spec)
        outputs = np.linspace(0.05, 0.95, len(labels), dtype="f4")[:, None]
        loss = model.compute_loss(x=None, y=data.train.labels, y_pred=outputs)
        metrics = model.compute_metrics(x=None, y=data.train.labels, y_pred=outputs)
        values.append([float(np.mean(value)) for value in (loss, *metrics.values())])
    np.testing.assert_allclose(values[0], values[1], rtol=1e-6)


def read_several(folder: Path, **changed: Any) -> TrainingData:
    inputs = [{"name": "image", "shape": [4, 4, 1]}, {"name": "note", "shape": [-1], "dtype": "int32"}]
    layers = [
        {"layer": "Flatten", "name": "pixels", "inputs": ["image"]},
        {"layer": "Embedding", "name": "words", "input_dim": 9, "output_dim": 2, "inputs": ["note"]},
        {"layer": "GlobalAveragePooling1D", "name": "mean"},
        {"layer": "Concatenate", "name": "both", "inputs": ["pixels", "mean"]},
        {"layer": "Dense", "name": "digit", "units": 3, "activation": "softmax"},
        {"layer": "Dense", "name": "odd", "units": 1, "activation": "sigmoid", "inputs": ["both"]},
    ]
    outputs = [
        {"name": "odd", "loss": "BinaryCrossentropy"},
        {"name": "digit", "loss": "SparseCategoricalCrossentropy", "weight": "0.5"},
    ]
    spec = TrainingJobSpec.model_validate(
        {
            "storage": {"secretRef": {"name": "none"}},
            "data": {"bucket": "data", "train": {"object": "a.npz"}, "validation": {"split": "0.2"}},
            "network": {"inputs": inputs, "layers": layers, "outputs": ["digit", "odd"]},
            "training": {"outputs": outputs},
            "results": {"bucket": "results"},
        }
    )
    arrays = {
        "image": np.zeros((10, 4, 4), "u1"),
        "note": np.arange(50).reshape(10, 5) % 9,
        "digit": LABELS,
        "odd": LABELS % 2,
        "class_names_odd": ["even", "odd"],
        "sample_weight": np.ones(10),
    }
    np.savez(folder / "a.npz", **{**arrays, **changed})
    assert spec.network is not None
    model = network.build(spec.network, seed=1, memory=1 << 30)
    return load_data(spec, FolderBucket(folder), model, scratch=folder, memory=MemoryBudget())


def test_each_input_and_output_gets_the_form_of_the_network(tmp_path: Path) -> None:
    train = read_several(tmp_path).train
    assert {name: array.values.shape for name, array in train.inputs.items()} == {"image": (8, 4, 4, 1), "note": (8, 5)}
    assert {name: array.values.shape for name, array in train.outputs.items()} == {"digit": (8,), "odd": (8, 1)}
    assert {name: array.values.dtype for name, array in train.output_weights.items()} == {
        name: np.dtype("float32") for name in ("digit", "odd")
    }
    assert read_several(tmp_path).output_classes == {"odd": ("even", "odd")}


@pytest.mark.parametrize(
    ("changed", "reason", "message"),
    [
        (
            {"image": np.zeros((10, 5, 4))},
            "ShapeMismatch",
            r"a.npz\[image\] is 5×4, but spec.network.inputs\[0\].shape",
        ),
        ({"note": np.zeros((10, 5, 2))}, "ShapeMismatch", r"a.npz\[note\] is 5×2, but spec.network.inputs\[1\].shape"),
        ({"note": np.full((10, 5), 9)}, "InvalidData", r"a.npz\[note\] holds 9 at \[0, 0\], but .*'words'"),
        (
            {"digit": LABELS + 1},
            "InvalidLabels",
            r"a.npz\[digit\] holds 3 at .*, but a class index must be from 0 to 2",
        ),
        (
            {"odd": LABELS},
            "InvalidLabels",
            r"a.npz\[odd\] holds 2 at .*, but BinaryCrossentropy takes values from 0 to 1",
        ),
        ({"sample_weight": np.ones((10, 2))}, "ShapeMismatch", "2 weights for each sample: there must be one$"),
    ],
)
def test_an_array_that_does_not_fit_is_named(tmp_path: Path, changed: Any, reason: str, message: str) -> None:
    with expect_failure(reason, message):
        read_several(tmp_path, **changed)
