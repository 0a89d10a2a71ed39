"""A TrainingJob from a Keras model and arrays, before it is submitted."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal import TrainingJob, check
from epochal.errors import EpochalError

from tests.unit.cli.notebook.models import COMPILED, Model, entry, layer, pair, surroundings, table, warned

X, Y = np.zeros((10, 4), np.float32), np.arange(10.0)


def job_of(model: Any, **options: Any) -> TrainingJob:
    defaults: dict[str, Any] = {"name": "prices", "data": (X, Y)}
    return TrainingJob.from_keras(model, **(defaults | options))


def test_the_job_has_network_training_and_data_of_the_model() -> None:
    job = job_of(table(), epochs=3, batch_size=5, test=(X, Y), spec={"training": {"seed": 7}, "suspend": True})
    assert not check(job.document)
    spec = job.spec
    assert [each["name"] for each in spec["network"]["layers"]] == ["hidden", "price"]
    training = spec["training"]
    assert (training["epochs"], training["batchSize"], training["seed"]) == (3, 5, 7)
    assert training["optimizer"] == {"name": "SGD", "learning_rate": 0.05}
    assert (training["loss"], training["metrics"]) == ("mse", ["mae"])
    assert spec["data"]["bucket"] == "training-data"
    assert spec["data"]["validation"] == {"split": "0.2"}
    assert spec["suspend"] is True
    assert repr(job) == "TrainingJob prices: not submitted"
    assert "kind: TrainingJob" in job.yaml


def test_the_staged_files_have_the_arrays_of_one_input_as_x_and_y() -> None:
    job = job_of(table(), validation=(X[:2], Y[:2]), test={"columns": X, "price": Y, "sample_weight": Y})
    assert job.staged is not None
    found = {}
    for file in job.staged.files:
        with np.load(file.path, allow_pickle=False) as stored:
            found[file.path.name] = {name: stored[name].shape for name in stored.files}
    assert found == {
        "train.npz": {"x": (10, 4), "y": (10,)},
        "validation.npz": {"x": (2, 4), "y": (2,)},
        "test.npz": {"x": (10, 4), "y": (10,), "sample_weight": (10,)},
    }
    data = job.spec["data"]
    assert [data[role]["object"] for role in ("train", "validation", "test")] == [each.key for each in job.staged.files]


def test_equal_arrays_have_an_equal_key_and_others_another_one() -> None:
    keys = [job_of(table(), data=(x, Y)).spec["data"]["train"]["object"] for x in (X, X.copy(), X + 1)]
    assert keys[0] == keys[1] != keys[2]


def test_the_files_are_deleted_with_the_job() -> None:
    job = job_of(table())
    assert job.staged is not None
    folder = job.staged.folder
    assert folder.exists()
    del job
    gc.collect()
    assert not folder.exists()


def test_several_inputs_and_outputs_take_lists_or_dicts() -> None:
    right = np.ones((10, 3))
    job = job_of(pair(), data=([X, right], {"sum": Y, "product": Y}))
    assert not check(job.document)
    assert job.staged is not None
    with np.load(job.staged.files[0].path) as stored:
        assert sorted(stored.files) == ["left", "product", "right", "sum"]


def test_existing_objects_need_no_file() -> None:
    job = job_of(table(), data="s3://mine/train.npz", validation=False, test="s3://mine/test.npz")
    assert job.staged is None
    expected = {"bucket": "mine", "train": {"object": "train.npz"}, "test": {"object": "test.npz"}}
    assert job.spec["data"] == expected
    section = {"bucket": "mine", "train": {"features": "x.gz", "labels": "y.gz"}}
    assert job_of(table(), data=section).spec["data"] == section


def test_the_weights_of_the_model_are_uploaded_with_the_data() -> None:
    job = job_of(table(), weights=True)
    assert job.staged is not None
    assert job.spec["network"]["weights"]["uri"] == f"s3://training-data/{job.staged.files[-1].key}"
    assert job.staged.files[-1].path.read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "My Prices"}, "name: found 'My Prices'"),
        ({"data": (X[:, :3], Y)}, r"train: a sample of x has the shape \(3,\), but the network takes \(4\)"),
        ({"data": (X.reshape(10, 2, 2), Y)}, r"Reshape it: x.reshape\(-1, 4\)"),
        ({"data": (X, Y[:9])}, "train: found 10 of x, 9 of y"),
        ({"data": {"x": X}}, "train: there is no array y, found x"),
        ({"data": {"x": X, "y": Y, "z": Y}}, "train: z is no input or output"),
        ({"data": X}, r"train: found ndarray, expected \(x, y\)"),
        ({"data": (X.astype(object), Y)}, "train: x has elements of type object"),
        ({"data": ([[1, 2], [3]], Y)}, "train: x is no array"),
        ({"data": "train.npz"}, "expected s3://BUCKET/KEY or arrays"),
        ({"validation": "s3://other/v.npz"}, "validation: found the bucket other, expected training-data"),
        ({"validation": 1.5}, "spec.data.validation.split"),
        ({"epochs": 0}, "spec.training.epochs"),
        ({"spec": {"trainning": {}}}, "trainning"),
        ({"data": {"bucket": "mine", "train": {"object": "a"}}, "test": (X, Y)}, "validation and test are not allowed"),
    ],
)
def test_refuses_data_and_fields_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(EpochalError, match=message):
        job_of(table(), **options)


def test_refuses_a_layer_that_a_job_cannot_express_by_its_name() -> None:
    layers = [entry("columns", 4), layer("Mine", "my_layer", "columns"), layer("Dense", "price", "my_layer", units=1)]
    with pytest.raises(EpochalError, match='layer "my_layer": Mine is a custom layer'):
        job_of(Model(*layers, inputs=["columns"], outputs=["price"]))


def test_a_lost_detail_is_an_error_or_with_strict_false_a_warning(tmp_path: Path) -> None:
    custom = COMPILED | {"loss": {"module": "__main__", "class_name": "MyLoss", "config": {}}}
    with pytest.raises(EpochalError, match=r'(?s)cannot express the model.*loss of the output "price": .*MyLoss'):
        job_of(table(custom))
    environment = surroundings(tmp_path)
    job_of(table(custom), strict=False, environment=environment)
    assert 'epochal: loss of the output "price"' in warned(environment)


def test_a_model_that_is_not_compiled_needs_a_loss() -> None:
    with pytest.raises(EpochalError, match="the model is not compiled"):
        job_of(table(None))
    job = job_of(table(None), spec={"training": {"optimizer": "SGD", "loss": "MeanSquaredError"}})
    assert job.spec["training"]["optimizer"] == "SGD"


@pytest.mark.parametrize("value", [3, "model", None])
def test_refuses_values_that_are_no_model(value: Any) -> None:
    with pytest.raises(EpochalError, match="expected a model of Keras"):
        job_of(value)


def test_an_error_is_a_sentence_in_jupyter() -> None:
    assert EpochalError("it failed", "Repeat it.")._render_traceback_() == ["EpochalError: it failed", "Repeat it."]
