import re
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from epochal_api.network import Network
from epochal_api.training import Training
from epochal_trainer import network
from epochal_trainer.compile import check_labels, compile_model
from epochal_trainer.failures import Failure


@pytest.fixture
def model() -> keras.Model:
    layers = [{"layer": "Dense", "units": 3, "activation": "softmax"}]
    return network.build(Network.model_validate({"input": {"shape": [4]}, "layers": layers}), seed=1, memory=1 << 30)


def training(**fields: Any) -> Training:
    return Training.model_validate({"loss": "SparseCategoricalCrossentropy", **fields})


def test_names_and_objects(model: keras.Model) -> None:
    spec = training(
        optimizer={"name": "SGD", "momentum": 0.9},
        loss={"name": "CategoricalCrossentropy", "label_smoothing": 0.1},
        metrics=["accuracy", {"name": "TopKCategoricalAccuracy", "k": 2}, {"name": "TopKCategoricalAccuracy", "k": 3}],
    )
    compile_model(model, spec)
    assert model.optimizer.momentum == 0.9
    names = check_labels(model, spec, np.eye(3, dtype="float32"))
    assert names == ["loss", "accuracy", "top_k_categorical_accuracy", "top_k_categorical_accuracy_2"]
    figures = model.evaluate(np.zeros((3, 4)), np.eye(3), verbose=0, return_dict=True)
    assert sorted(figures) == sorted(names)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimizer": "Sgdd"}, "spec.training.optimizer (Sgdd): keras.optimizers has no 'Sgdd'; did you mean SGD"),
        ({"optimizer": {"name": "Adam", "lr": 1}}, "spec.training.optimizer (Adam): Adam has no argument 'lr'"),
        ({"optimizer": "OptimizerMap"}, "spec.training.optimizer (OptimizerMap): "),
        ({"loss": "Entropy"}, "spec.training.loss (Entropy): keras.losses has no 'Entropy'"),
        ({"loss": {"name": "Huber", "delta": {}}}, "spec.training.loss (Huber): delta: must not be a mapping"),
        ({"metrics": ["accuracy", "exactness"]}, "spec.training.metrics[1] (exactness): keras.metrics has no"),
    ],
)
def test_faults_name_the_field(model: keras.Model, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Failure, match=re.escape(message)) as caught:
        compile_model(model, training(**fields))
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)


@pytest.mark.parametrize(
    ("fields", "labels", "message"),
    [
        ({"loss": "MeanSquaredError"}, np.zeros((2, 5)), "spec.training.loss (MeanSquaredError): "),
        ({"metrics": ["F1Score"]}, np.zeros((2,), "int64"), "spec.training.metrics[0] (F1Score): "),
    ],
)
def test_labels_that_do_not_fit(
    model: keras.Model, fields: dict[str, Any], labels: np.ndarray[Any, Any], message: str
) -> None:
    spec = training(**fields)
    compile_model(model, spec)
    with pytest.raises(Failure, match=re.escape(message) + r".*a network that gives \(None, 3\)") as caught:
        check_labels(model, spec, labels)
    assert caught.value.reason == "InvalidTraining"


@pytest.mark.parametrize("error", [MemoryError("no room"), tf.errors.ResourceExhaustedError(None, None, "no room")])
@pytest.mark.parametrize(
    "part", ["optimizers.Adam.__init__", "optimizers.Adam.build", "losses.SparseCategoricalCrossentropy.__call__"]
)
def test_memory_that_runs_out_is_no_fault_of_the_spec(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch, part: str, error: Exception
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    def compiled(spec: Training) -> None:
        compile_model(model, spec)
        check_labels(model, spec, np.zeros(3))

    monkeypatch.setattr(f"keras.{part}", broken)
    with pytest.raises(type(error), match="no room"):
        compiled(training(optimizer="Adam"))
