"""Networks of Keras' documentation with several inputs and outputs equal the models that the same Python code builds.

https://keras.io/guides/functional_api/ and https://keras.io/examples/nlp/lstm_seq2seq/.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.status import Mode
from epochal_api.trainingjob.training import Training
from epochal_trainer.model.compile import compile_model, dry_run_metrics, loss_spec
from epochal_trainer.model.graph import build_nodes, layer_table
from epochal_trainer.model.monitor import choose_monitor
from epochal_trainer.reporting.best import Monitor
from keras import layers

from tests.unit.trainer.expect import expect_failure
from tests.unit.trainer.model.networks import build_network

RANDOM = np.random.default_rng(1)
Arrays = list[np.ndarray[Any, Any]]

TICKETS: dict[str, Any] = {
    "inputs": [
        {"name": "title", "shape": [-1], "dtype": "int32"},
        {"name": "body", "shape": [-1], "dtype": "int32"},
        {"name": "tags", "shape": [12]},
    ],
    "layers": [
        {"layer": "Embedding", "name": "title_words", "input_dim": 50, "output_dim": 6, "inputs": ["title"]},
        {"layer": "Embedding", "name": "body_words", "input_dim": 50, "output_dim": 6, "inputs": ["body"]},
        {"layer": "LSTM", "name": "title_features", "units": 5, "inputs": ["title_words"]},
        {"layer": "LSTM", "name": "body_features", "units": 4, "inputs": ["body_words"]},
        {"layer": "Concatenate", "name": "x", "inputs": ["title_features", "body_features", "tags"]},
        {"layer": "Dense", "name": "priority", "units": 1, "activation": "sigmoid", "inputs": ["x"]},
        {"layer": "Dense", "name": "department", "units": 3, "activation": "softmax", "inputs": ["x"]},
    ],
    "outputs": ["priority", "department"],
}


def tickets() -> keras.Model:
    title = keras.Input((None,), name="title", dtype="int32")
    body = keras.Input((None,), name="body", dtype="int32")
    tags = keras.Input((12,), name="tags")
    title_words, body_words = layers.Embedding(50, 6)(title), layers.Embedding(50, 6)(body)
    x = layers.concatenate([layers.LSTM(5)(title_words), layers.LSTM(4)(body_words), tags])
    priority = layers.Dense(1, activation="sigmoid", name="priority")(x)
    return keras.Model([title, body, tags], [priority, layers.Dense(3, activation="softmax", name="department")(x)])


TWINS: dict[str, Any] = {
    "inputs": [{"name": "left", "shape": [8, 8, 1]}, {"name": "right", "shape": [8, 8, 1]}],
    "layers": [
        {"layer": "Conv2D", "name": "conv", "filters": 3, "kernel_size": 3, "inputs": ["left"]},
        {"layer": "Flatten", "name": "flat"},
        {"use": "conv", "inputs": ["right"]},
        {"use": "flat", "name": "right_features"},
        {"layer": "Subtract", "inputs": ["flat", "right_features"]},
        {"layer": "Dense", "units": 1, "activation": "sigmoid"},
    ],
}


def twins() -> keras.Model:
    left, right = keras.Input((8, 8, 1), name="left"), keras.Input((8, 8, 1), name="right")
    conv = layers.Conv2D(3, 3)
    both = layers.Subtract()([layers.Flatten()(conv(side)) for side in (left, right)])
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid", name="dense_5")(both))


TRANSLATION: dict[str, Any] = {
    "inputs": [{"name": "source", "shape": [-1, 7]}, {"name": "target", "shape": [-1, 9]}],
    "layers": [
        {"layer": "LSTM", "name": "encoder", "units": 5, "return_state": True, "inputs": ["source"]},
        {
            "layer": "LSTM",
            "name": "decoder",
            "units": 5,
            "return_sequences": True,
            "return_state": True,
            "inputs": ["target", "encoder:1", "encoder:2"],
        },
        {"layer": "Dense", "name": "word", "units": 9, "activation": "softmax", "inputs": ["decoder:0"]},
    ],
    "outputs": ["word", "decoder:2"],
}


def translation() -> keras.Model:
    source, target = keras.Input((None, 7), name="source"), keras.Input((None, 9), name="target")
    _, *states = layers.LSTM(5, return_state=True)(source)
    sequence, _, state = layers.LSTM(5, return_sequences=True, return_state=True)(target, initial_state=states)
    word = layers.Dense(9, activation="softmax", name="word")(sequence)
    return keras.Model([source, target], [word, layers.Identity(name="decoder_2")(state)])


def tokens(length: int) -> np.ndarray[Any, Any]:
    return RANDOM.integers(0, 50, (6, length), "int32")


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return RANDOM.random((6, *shape), "float32")


NETWORKS: dict[str, tuple[dict[str, Any], Callable[[], keras.Model], Arrays]] = {
    "two outputs": (TICKETS, tickets, [tokens(4), tokens(9), floats(12)]),
    "shared layers": (TWINS, twins, [floats(8, 8, 1), floats(8, 8, 1)]),
    "states": (TRANSLATION, translation, [floats(4, 7), floats(3, 9)]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_equals_its_python_code(name: str, tmp_path: Path) -> None:
    document, make, arrays = NETWORKS[name]
    built = build_network(Network.model_validate(document))
    keras.utils.set_random_seed(1)
    script = make()
    assert [tensor.name for tensor in built.inputs] == [tensor.name for tensor in script.inputs]
    assert built.output_names == script.output_names
    assert built.count_params() == script.count_params()
    built.set_weights(script.get_weights())
    built.save(tmp_path / "model.keras")
    for model in (built, keras.saving.load_model(tmp_path / "model.keras")):
        assert model.output_names == script.output_names
        for found, expected in zip(*(as_list(each.predict_on_batch(arrays)) for each in (model, script)), strict=True):
            np.testing.assert_array_equal(found, expected)


def as_list(outputs: Any) -> list[Any]:
    return outputs if isinstance(outputs, list) else [outputs]


OUTPUTS = [
    {"name": "department", "loss": "SparseCategoricalCrossentropy", "metrics": ["accuracy"], "weight": "0.25"},
    {"name": "priority", "loss": "BinaryCrossentropy", "metrics": ["mae", "mae", "accuracy"]},
]


def training(**fields: Any) -> Training:
    return Training.model_validate({"outputs": OUTPUTS, "optimizer": "SGD", **fields})


def labels() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return RANDOM.integers(0, 2, (6, 1)).astype("float32"), RANDOM.integers(0, 3, 6)


def test_losses_metrics_and_weights_are_those_of_keras() -> None:
    """The order of the outputs in the training is of no importance."""
    built = build_network(Network.model_validate(TICKETS))
    script = tickets()
    script.set_weights(built.get_weights())
    compile_model(built, training())
    built.run_eagerly = True
    script.compile(
        "sgd",
        run_eagerly=True,
        loss={
            "priority": keras.losses.BinaryCrossentropy(),
            "department": keras.losses.SparseCategoricalCrossentropy(),
        },
        loss_weights={"priority": 1.0, "department": 0.25},
        metrics={"priority": ["mae", "accuracy"], "department": ["accuracy"]},
    )
    of_outputs = "priority_loss department_loss priority_mae priority_mae_2 priority_accuracy department_accuracy"
    assert set(dry_run_metrics(built, training(), labels())) == {"loss", *of_outputs.split()}
    inputs, expected = [tokens(4), tokens(9), floats(12)], labels()
    found = built.train_on_batch(tuple(inputs), expected, return_dict=True)
    assert found.pop("priority_mae_2") == found["priority_mae"]
    assert found == script.train_on_batch(inputs, list(expected), return_dict=True)
    for weights, others in zip(built.get_weights(), script.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, others)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "bogus"}, r"spec\.training\.outputs\[1\]\.loss \(bogus\): keras\.losses has no 'bogus'"),
        (
            {"metrics": ["bogus"]},
            r"spec\.training\.outputs\[1\]\.metrics\[0\] \(bogus\): keras\.metrics has no 'bogus'",
        ),
    ],
)
def test_compile_errors_name_the_output(change: dict[str, Any], message: str) -> None:
    with expect_failure("InvalidTraining", message):
        compile_model(
            build_network(Network.model_validate(TICKETS)), training(outputs=[OUTPUTS[0], {**OUTPUTS[1], **change}])
        )


def test_a_loss_that_refuses_the_labels_names_the_output() -> None:
    spec = training(outputs=[{**OUTPUTS[0], "loss": "CategoricalCrossentropy"}, OUTPUTS[1]])
    model = build_network(Network.model_validate(TICKETS))
    compile_model(model, spec)
    with expect_failure("InvalidTraining", r"spec\.training\.outputs\[0\]\.loss .*\('samples',\).*\(None, 3\)"):
        dry_run_metrics(model, spec, labels())


@pytest.mark.parametrize(
    ("metric", "mode"),
    [("val_priority_accuracy", "Max"), ("department_loss", "Min"), ("val_priority_mae_2", "Min"), ("val_loss", "Min")],
)
def test_direction_of_a_metric_of_an_output(metric: str, mode: Mode) -> None:
    spec = training(monitor={"metric": metric})
    model = build_network(Network.model_validate(TICKETS))
    compile_model(model, spec)
    names = [name for key in dry_run_metrics(model, spec, labels()) for name in (key, f"val_{key}")]
    assert choose_monitor(spec, model, names) == Monitor(metric, mode)


def test_losses_are_comparable_by_losses_and_weights() -> None:
    assert loss_spec(training()) == loss_spec(training(outputs=[{**OUTPUTS[1], "metrics": []}, OUTPUTS[0]]))
    assert loss_spec(training()) != loss_spec(training(outputs=[{**OUTPUTS[0], "weight": "1"}, OUTPUTS[1]]))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_every_output_has_full_precision(precision: str) -> None:
    spec = Training.model_validate({"outputs": OUTPUTS, "precision": precision})
    model = build_network(Network.model_validate(TICKETS), training=spec)
    assert {tensor.dtype for tensor in model.outputs} == {"float32"}
    assert model.get_layer("title_features").compute_dtype == precision.removeprefix("mixed_")
    again = {**TWINS, "outputs": ["right_features"], "layers": TWINS["layers"][2:4]}
    again["layers"] = [*TWINS["layers"][:2], *again["layers"]]
    used = build_network(Network.model_validate({**again, "outputs": ["flat", "right_features"]}), training=spec)
    assert {tensor.dtype for tensor in used.outputs} == {"float32"}


def test_layer_table() -> None:
    spec = Network.model_validate(TRANSLATION)
    table = layer_table(build_network(spec), build_nodes(spec)).splitlines()
    assert [line.split()[:3] for line in table[1:4]] == [
        ["source", "?×7"],
        ["target", "?×9"],
        ["encoder", "LSTM", "5,"],
    ]
    assert table[4].endswith("target, encoder:1, encoder:2")
    shared = Network.model_validate(TWINS)
    table = layer_table(build_network(shared), build_nodes(shared)).splitlines()
    assert table[5].split() == ["conv_2", "use:", "conv", "6×6×3", "right"]
