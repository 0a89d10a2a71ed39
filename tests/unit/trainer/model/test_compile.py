import re
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import network
from epochal_trainer.model.compile import (
    check_labels,
    compile_model,
    described_loss,
    described_optimizer,
    optimizer_slots,
)


@pytest.fixture
def model() -> keras.Model:
    layers = [{"layer": "Dense", "units": 3, "activation": "softmax"}]
    return network.build(Network.model_validate({"input": {"shape": [4]}, "layers": layers}), seed=1, memory=1 << 30)


SCHEDULE = {"name": "PolynomialDecay", "initial_learning_rate": 0.0, "decay_steps": 9, "end_learning_rate": 0.1}


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
    names = list(check_labels(model, spec, np.eye(3, dtype="float32")))
    assert names == ["loss", "accuracy", "top_k_categorical_accuracy", "top_k_categorical_accuracy_2"]
    figures = model.evaluate(np.zeros((3, 4)), np.eye(3), verbose=0, return_dict=True)
    assert sorted(figures) == sorted(names)


@pytest.mark.parametrize("metrics", [["mae", "MSE", "acc"], ["mean_absolute_error", "auc", "accuracy"]], ids=str)
def test_a_metric_by_a_text_is_called_so_as_keras_does_it(model: keras.Model, metrics: list[str]) -> None:
    labels = np.eye(3, dtype="float32")
    model.compile(loss="CategoricalCrossentropy", metrics=metrics)
    plain = model.evaluate(np.zeros((3, 4)), labels, verbose=0, return_dict=True)
    spec = training(loss="CategoricalCrossentropy", metrics=metrics)
    compile_model(model, spec)
    assert sorted(check_labels(model, spec, labels)) == sorted(plain)
    assert {*metrics, "loss"} == set(plain)


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (["MeanAbsoluteError", "AUC"], ["mean_absolute_error", "auc"]),
        (["mae", "mae", "MeanAbsoluteError"], ["mae", "mae_2", "mean_absolute_error"]),
        ([{"name": "mae", "dtype": "float32"}], ["mean_absolute_error"]),
        (["accuracy", "Accuracy"], ["accuracy", "accuracy_2"]),
    ],
    ids=str,
)
def test_a_metric_by_its_class_has_the_name_that_the_class_gives_it(
    model: keras.Model, metrics: list[Any], names: list[str]
) -> None:
    spec = training(loss="CategoricalCrossentropy", metrics=metrics)
    compile_model(model, spec)
    assert list(check_labels(model, spec, np.eye(3, dtype="float32"))) == ["loss", *names]


@pytest.mark.parametrize(
    ("optimizer", "told"),
    [
        ({"name": "SGD", "learning_rate": 0}, True),
        ({"name": "LossScaleOptimizer", "inner_optimizer": {"name": "SGD", "learning_rate": 0.0}}, True),
        ("SGD", False),
        ({"name": "SGD", "learning_rate": SCHEDULE}, False),
    ],
    ids=str,
)
def test_a_rate_of_0_is_told(
    model: keras.Model, caplog: pytest.LogCaptureFixture, optimizer: Any, *, told: bool
) -> None:
    compile_model(model, training(optimizer=optimizer))
    assert ["spec.training.optimizer.learning_rate is 0" in line for line in caplog.messages] == [True] * told


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


def test_weights_of_classes_are_a_part_of_the_loss() -> None:
    assert described_loss(training()) == {"name": "SparseCategoricalCrossentropy"}
    assert described_loss(training(classWeight={"1": 2}))["class_weight"] == {"1": "2"}


def built(training: Training, *layers: dict[str, Any]) -> keras.Model:
    described = Network.model_validate({"input": {"shape": [4]}, "layers": list(layers)})
    return network.build(described, seed=1, memory=1 << 30, training=training)


HIDDEN = {"layer": "Dense", "units": 3}
SCALED = {"name": "LossScaleOptimizer", "inner_optimizer": {"name": "SGD"}, "initial_scale": 8.0}


@pytest.mark.parametrize(
    ("precision", "optimizer", "scale"),
    [
        ("float32", "SGD", None),
        ("mixed_bfloat16", "SGD", None),
        ("mixed_float16", "SGD", 2.0**15),
        ("mixed_float16", SCALED, 8.0),
        ("mixed_float16", {"name": "SGD", "loss_scale_factor": 4.0}, 4.0),
        ("float32", SCALED, 8.0),
    ],
    ids=str,
)
def test_the_loss_is_scaled_once(precision: str, optimizer: Any, scale: float | None) -> None:
    spec = training(precision=precision, optimizer=optimizer)
    model = built(spec, HIDDEN, HIDDEN)
    compile_model(model, spec)
    assert float(model.optimizer.scale_loss(np.float32(1))) == (scale or 1)
    inner = getattr(model.optimizer, "inner_optimizer", None)
    assert not isinstance(inner, keras.optimizers.LossScaleOptimizer)
    named = described_optimizer(spec)["name"]
    assert named == type(model.optimizer).__name__


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16"])
def test_gradients_that_would_vanish_are_refused(dtype: str) -> None:
    wrapped = {"layer": "TimeDistributed", "wrapped": {**HIDDEN, "dtype": dtype, "name": "half"}}
    layers: list[dict[str, Any]] = [{"layer": "Reshape", "target_shape": [1, 4]}, wrapped, {"layer": "Flatten"}, HIDDEN]
    spec = training()
    with pytest.raises(
        Failure,
        match=rf"spec.training.precision: found float32, but the layer 'half' has dtype {dtype}.* mixed_float16,",
    ) as caught:
        compile_model(built(spec, *layers), spec)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)
    for scaled in (training(precision="mixed_float16"), training(optimizer={"name": "SGD", "loss_scale_factor": 8.0})):
        compile_model(built(scaled, *layers), scaled)


@pytest.mark.parametrize(
    ("optimizer", "slots"),
    [
        ("SGD", 0),
        ({"name": "SGD", "momentum": 0.9}, 1),
        ("Adam", 2),
        ({"name": "AdamW", "use_ema": True}, 3),
        ({"name": "Nadam", "gradient_accumulation_steps": 2}, 3),
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_what_an_optimizer_keeps_is_counted(optimizer: Any, slots: int, precision: str) -> None:
    spec = training(optimizer=optimizer, precision=precision)
    assert optimizer_slots(spec) == slots
    model = built(spec, {**HIDDEN, "units": 999})
    compile_model(model, spec)
    kept = sum(int(np.prod(variable.shape)) for variable in model.optimizer.variables)
    assert round(kept / model.count_params()) == slots


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


@pytest.mark.parametrize(
    ("metric", "labels", "suits"),
    [
        ("TopKCategoricalAccuracy", np.zeros(2, "int64"), "SparseTopKCategoricalAccuracy"),
        ("top_k_categorical_accuracy", np.zeros(2, "u1"), "SparseTopKCategoricalAccuracy"),
    ],
)
def test_a_metric_of_other_labels_is_named_with_the_one_that_suits(
    model: keras.Model, metric: str, labels: np.ndarray[Any, Any], suits: str
) -> None:
    spec = training(metrics=["accuracy", metric])
    compile_model(model, spec)
    found = f"spec.training.metrics[1] ({metric}): it takes a value for each output, and the labels are class indices: "
    with pytest.raises(Failure, match=re.escape(f"{found}use {suits} (with labels of shape")) as caught:
        check_labels(model, spec, labels)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)


@pytest.mark.parametrize("units", [2, 4])
@pytest.mark.parametrize("metric", ["Precision", "Recall", "AUC", "F1Score", "MeanIoU"])
def test_the_words_of_the_device_are_not_told(metric: str, units: int) -> None:
    """Whatever the number of outputs: labels must not pass for a row of them."""
    described = {"name": metric, "num_classes": units} if metric == "MeanIoU" else metric
    spec = training(metrics=[described])
    model = built(spec, {**HIDDEN, "units": units})
    compile_model(model, spec)
    with pytest.raises(Failure, match=rf"^spec.training.metrics\[0\] \({metric}\): it takes ") as caught:
        check_labels(model, spec, np.zeros(9, "int64"))
    assert "function_node" not in caught.value.message
    if metric != "MeanIoU":
        assert f"numpy.eye({units})[y] and use the loss CategoricalCrossentropy" in caught.value.message


def test_nor_where_nothing_else_is_known() -> None:
    spec = training(metrics=["Mean"])
    model = built(spec, HIDDEN)
    compile_model(model, spec)
    with pytest.raises(Failure, match=r"metrics\[0\] \(Mean\): it cannot compare them \(with labels of shape"):
        check_labels(model, spec, np.zeros(9, "int64"))


@pytest.mark.parametrize(
    "part",
    [
        "layers.Dense.build",
        "optimizers.Adam.__init__",
        "optimizers.Adam.build",
        "losses.SparseCategoricalCrossentropy.__call__",
        "Model.compute_loss",
    ],
)
def test_a_fault_of_the_machine_is_none_of_the_spec(
    monkeypatch: pytest.MonkeyPatch, part: str, machine_fault: Exception
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise machine_fault

    def compiled(spec: Training) -> None:
        model = built(spec, HIDDEN)
        compile_model(model, spec)
        check_labels(model, spec, np.zeros(3))

    monkeypatch.setattr(f"keras.{part}", broken)
    with pytest.raises(type(machine_fault), match="broken"):
        compiled(training(optimizer="Adam"))
