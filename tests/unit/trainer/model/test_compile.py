import re
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.training import Training
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model.compile import compile_model, dry_run_metrics, loss_spec, optimizer_slots, optimizer_spec

from tests.unit.trainer.expect import expect_failure
from tests.unit.trainer.model.networks import build_network, network_spec


@pytest.fixture
def model() -> keras.Model:
    return build_network(network_spec([4], {"layer": "Dense", "units": 3, "activation": "softmax"}))


SCHEDULE = {"name": "PolynomialDecay", "initial_learning_rate": 0.0, "decay_steps": 9, "end_learning_rate": 0.1}


def training(**fields: Any) -> Training:
    return Training.model_validate({"loss": "SparseCategoricalCrossentropy", **fields})


def test_compile_names_and_objects(model: keras.Model) -> None:
    spec = training(
        optimizer={"name": "SGD", "momentum": 0.9},
        loss={"name": "CategoricalCrossentropy", "label_smoothing": 0.1},
        metrics=["accuracy", {"name": "TopKCategoricalAccuracy", "k": 2}, {"name": "TopKCategoricalAccuracy", "k": 3}],
    )
    compile_model(model, spec)
    assert model.optimizer.momentum == 0.9
    names = list(dry_run_metrics(model, spec, np.eye(3, dtype="float32")))
    assert names == ["loss", "accuracy", "top_k_categorical_accuracy", "top_k_categorical_accuracy_2"]
    metrics = model.evaluate(np.zeros((3, 4)), np.eye(3), verbose=0, return_dict=True)
    assert sorted(metrics) == sorted(names)


@pytest.mark.parametrize("metrics", [["mae", "MSE", "acc"], ["mean_absolute_error", "auc", "accuracy"]], ids=str)
def test_short_metric_names_as_in_keras(model: keras.Model, metrics: list[str]) -> None:
    labels = np.eye(3, dtype="float32")
    model.compile(loss="CategoricalCrossentropy", metrics=metrics, run_eagerly=True)
    plain = model.evaluate(np.zeros((3, 4)), labels, verbose=0, return_dict=True)
    spec = training(loss="CategoricalCrossentropy", metrics=metrics)
    compile_model(model, spec)
    assert sorted(dry_run_metrics(model, spec, labels)) == sorted(plain)
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
def test_class_metric_names(model: keras.Model, metrics: list[Any], names: list[str]) -> None:
    spec = training(loss="CategoricalCrossentropy", metrics=metrics)
    compile_model(model, spec)
    assert list(dry_run_metrics(model, spec, np.eye(3, dtype="float32"))) == ["loss", *names]


@pytest.mark.parametrize(
    ("optimizer", "is_logged"),
    [
        ({"name": "SGD", "learning_rate": 0}, True),
        ({"name": "LossScaleOptimizer", "inner_optimizer": {"name": "SGD", "learning_rate": 0.0}}, True),
        ("SGD", False),
        ({"name": "SGD", "learning_rate": SCHEDULE}, False),
    ],
    ids=str,
)
def test_warning_of_learning_rate_0(
    model: keras.Model, caplog: pytest.LogCaptureFixture, optimizer: Any, *, is_logged: bool
) -> None:
    compile_model(model, training(optimizer=optimizer))
    assert ["spec.training.optimizer.learning_rate is 0" in line for line in caplog.messages] == [True] * is_logged


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimizer": "Sgdd"}, "spec.training.optimizer (Sgdd): keras.optimizers has no 'Sgdd'; did you mean SGD"),
        ({"optimizer": {"name": "Adam", "lr": 1}}, "spec.training.optimizer (Adam): Adam has no argument 'lr'"),
        ({"loss": "Entropy"}, "spec.training.loss (Entropy): keras.losses has no 'Entropy'"),
        ({"loss": {"name": "Huber", "delta": {}}}, "spec.training.loss (Huber): delta: must not be a mapping"),
        ({"metrics": ["accuracy", "exactness"]}, "spec.training.metrics[1] (exactness): keras.metrics has no"),
    ],
)
def test_failures_name_the_field(model: keras.Model, fields: dict[str, Any], message: str) -> None:
    with expect_failure("InvalidTraining", re.escape(message), 64):
        compile_model(model, training(**fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"loss": "mse"}, "spec.training.outputs is required, with a loss for each output, .*found digit, odd"),
        (
            {"outputs": [{"name": name, "loss": "mse"} for name in ("digit", "even")]},
            "spec.training.outputs must have one entry for each of .* outputs, digit, odd, found digit, even",
        ),
    ],
)
def test_outputs_of_a_file_that_the_spec_does_not_name(fields: dict[str, Any], message: str) -> None:
    tensor = keras.Input((4,))
    of_file = keras.Model(tensor, [keras.layers.Dense(2, name=name)(tensor) for name in ("digit", "odd")])
    with expect_failure("InvalidTraining", message, 64):
        compile_model(of_file, Training.model_validate(fields))


def test_jit_compile(model: keras.Model) -> None:
    for fields, expected in (({"jitCompile": True}, True), ({"jitCompile": False}, False), ({}, False)):
        compile_model(model, training(**fields))
        assert model.jit_compile == expected  # without a GPU, Keras uses XLA only on request


def test_jit_compile_without_support() -> None:
    layers: list[dict[str, Any]] = [{"layer": "Hashing", "num_bins": 4}, {"layer": "Dense", "units": 1}]
    model = build_network(network_spec([4], *layers, dtype="int32"))
    with expect_failure("InvalidTraining", "jitCompile: found true, .* layers hashing_0: remove", 64):
        compile_model(model, training(jitCompile=True))


def test_loss_spec_includes_class_weights() -> None:
    assert loss_spec(training()) == {"name": "SparseCategoricalCrossentropy"}
    assert loss_spec(training(classWeight={"1": 2}))["class_weight"] == {"1": "2"}


def built(training: Training, *layers: dict[str, Any]) -> keras.Model:
    return build_network(network_spec([4], *layers), training=training)


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
def test_loss_scaling(precision: str, optimizer: Any, scale: float | None) -> None:
    spec = training(precision=precision, optimizer=optimizer)
    model = built(spec, HIDDEN, HIDDEN)
    compile_model(model, spec)
    assert float(model.optimizer.scale_loss(np.float32(1))) == (scale or 1)
    inner = getattr(model.optimizer, "inner_optimizer", None)
    assert not isinstance(inner, keras.optimizers.LossScaleOptimizer)
    named = optimizer_spec(spec)["name"]
    assert named == type(model.optimizer).__name__


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16"])
def test_float16_without_loss_scaling(dtype: str) -> None:
    wrapped = {"layer": "TimeDistributed", "wrapped": {**HIDDEN, "dtype": dtype, "name": "half"}}
    layers: list[dict[str, Any]] = [{"layer": "Reshape", "target_shape": [1, 4]}, wrapped, {"layer": "Flatten"}, HIDDEN]
    spec = training()
    with expect_failure(
        "InvalidTraining",
        rf"spec.training.precision: found float32, but the layer 'half' has dtype {dtype}.* mixed_float16,",
        64,
    ):
        compile_model(built(spec, *layers), spec)
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
def test_optimizer_slots(optimizer: Any, slots: int, precision: str) -> None:
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
def test_labels_that_loss_or_metric_refuse(
    model: keras.Model, fields: dict[str, Any], labels: np.ndarray[Any, Any], message: str
) -> None:
    spec = training(**fields)
    compile_model(model, spec)
    with expect_failure("InvalidTraining", re.escape(message) + r".*a network with the output shape \(None, 3\)"):
        dry_run_metrics(model, spec, labels)


@pytest.mark.parametrize(
    ("metric", "labels", "suits"),
    [
        ("TopKCategoricalAccuracy", np.zeros(2, "int64"), "SparseTopKCategoricalAccuracy"),
        ("top_k_categorical_accuracy", np.zeros(2, "u1"), "SparseTopKCategoricalAccuracy"),
    ],
)
def test_advice_for_a_metric_of_other_labels(
    model: keras.Model, metric: str, labels: np.ndarray[Any, Any], suits: str
) -> None:
    spec = training(metrics=["accuracy", metric])
    compile_model(model, spec)
    wanted = "the metric expects labels with a value for each output, but the labels are class indices"
    found = f"metrics[1] ({metric}): {wanted}: "
    with pytest.raises(Failure, match=re.escape(f"{found}use {suits} (with labels of shape")) as caught:
        dry_run_metrics(model, spec, labels)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)


@pytest.mark.parametrize("units", [2, 4])
@pytest.mark.parametrize("metric", ["Precision", "Recall", "AUC", "F1Score", "MeanIoU"])
def test_no_device_errors_in_messages(metric: str, units: int) -> None:
    """With any number of outputs: labels must not be broadcast as a row of outputs."""
    described = {"name": metric, "num_classes": units} if metric == "MeanIoU" else metric
    spec = training(metrics=[described])
    model = built(spec, {**HIDDEN, "units": units})
    compile_model(model, spec)
    with pytest.raises(Failure, match=rf"^spec.training.metrics\[0\] \({metric}\): the metric expects ") as caught:
        dry_run_metrics(model, spec, np.zeros(9, "int64"))
    assert "function_node" not in caught.value.message
    if metric != "MeanIoU":
        assert f"numpy.eye({units})[y] and use the loss CategoricalCrossentropy" in caught.value.message


def test_device_error_without_advice() -> None:
    spec = training(metrics=["MeanAbsoluteError"])
    model = built(spec, HIDDEN)
    compile_model(model, spec)
    with pytest.raises(
        Failure,
        match=r"metrics\[0\] \(MeanAbsoluteError\): the loss or metric cannot compare labels and output \(with",
    ):
        dry_run_metrics(model, spec, np.zeros(9, "int64"))


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
def test_machine_errors_pass_through(monkeypatch: pytest.MonkeyPatch, part: str, machine_error: Exception) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise machine_error

    def compiled(spec: Training) -> None:
        model = built(spec, HIDDEN)
        compile_model(model, spec)
        dry_run_metrics(model, spec, np.zeros(3))

    monkeypatch.setattr(f"keras.{part}", broken)
    with pytest.raises(type(machine_error), match="broken"):
        compiled(training(optimizer="Adam"))
