import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.training import Training
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import graph

from tests.unit.trainer.expect import expect_failure
from tests.unit.trainer.model.networks import build_network, network_spec

GIB = 1 << 30


def build(shape: list[int], *layers: dict[str, Any], seed: int = 1, memory: int = GIB) -> keras.Model:
    return build_network(network_spec(shape, *layers), seed=seed, memory=memory)


DENSE = {"layer": "Dense", "units": 4}
LSTM = {"layer": "LSTM", "units": 3}

SOUND: dict[str, tuple[list[int], list[dict[str, Any]], tuple[int | None, ...]]] = {
    "a list": ([8, 8, 1], [{"layer": "Flatten"}, DENSE], (None, 4)),
    "a residual": (
        [4],
        [
            {**DENSE, "name": "a"},
            DENSE,
            {"layer": "Dropout", "rate": 0.5, "name": "b"},
            {"layer": "Add", "inputs": ["a", "b"]},
        ],
        (None, 4),
    ),
    "branches": (
        [8, 8, 3],
        [
            {"layer": "Conv2D", "filters": 2, "kernel_size": 1, "inputs": ["input"], "name": "narrow"},
            {"layer": "Conv2D", "filters": 3, "kernel_size": 3, "padding": "same", "inputs": ["input"], "name": "wide"},
            {"layer": "Concatenate", "inputs": ["narrow", "wide", "input"]},
        ],
        (None, 8, 8, 8),
    ),
    "self-attention": (
        [5, 4],
        [{"layer": "MultiHeadAttention", "num_heads": 2, "key_dim": 2, "inputs": ["input", "input"]}],
        (None, 5, 4),
    ),
    "a state": (
        [5, 4],
        [
            {"layer": "GlobalAveragePooling1D"},
            {"layer": "Dense", "units": 3, "name": "state"},
            {"layer": "GRU", "units": 3, "inputs": ["input", "state"]},
        ],
        (None, 3),
    ),
    "a wrapper": ([5, 4], [{"layer": "Bidirectional", "wrapped": LSTM, "merge_mode": "sum"}], (None, 3)),
    "two directions": (
        [5, 4],
        [{"layer": "Bidirectional", "wrapped": LSTM, "backward_layer": {**LSTM, "go_backwards": True}}],
        (None, 6),
    ),
    "wrappers in wrappers": (
        [6, 5, 4],
        [{"layer": "TimeDistributed", "wrapped": {"layer": "Bidirectional", "wrapped": LSTM}}],
        (None, 6, 6),
    ),
    "cells": ([5, 4], [{"layer": "RNN", "cell": [{"layer": "LSTMCell", "units": 3}]}], (None, 3)),
    "objects": (
        [4],
        [
            {
                **DENSE,
                "kernel_initializer": {"name": "RandomNormal", "stddev": 0.1},
                "bias_initializer": "ones",
                "kernel_regularizer": {"name": "L1L2", "l1": 0.1, "l2": 0.2},
                "activity_regularizer": "l2",
                "kernel_constraint": {"name": "MaxNorm", "max_value": 2},
                "activation": {"layer": "LeakyReLU", "negative_slope": 0.1},
                "dtype": "float16",
            }
        ],
        (None, 4),
    ),
    "names that Keras would give": ([4], [DENSE, {**DENSE, "name": "dense_0"}, {**DENSE, "name": "dense"}], (None, 4)),
}


@pytest.mark.parametrize("case", SOUND)
def test_valid_networks(case: str) -> None:
    shape, layers, output = SOUND[case]
    model = build(shape, *layers)
    assert tuple(model.output.shape) == output
    assert model.input.name == "input"


WRONG: dict[str, tuple[list[int], list[dict[str, Any]], str]] = {
    "unknown class": (
        [4],
        [{"layer": "Danse", "units": 1}],
        "layers[0] (Danse, 'danse_0'): keras.layers has no 'Danse'; did you mean Dense",
    ),
    "unknown argument": (
        [4],
        [DENSE, {"layer": "Dense", "unit": 1}],
        "layers[1] (Dense, 'dense_1'): Dense has no argument 'unit'; did you mean units?",
    ),
    "unknown argument of a wrapped layer": (
        [4, 4],
        [{"layer": "Bidirectional", "wrapped": {"layer": "LSTM", "unit": 1}}],
        "wrapped: LSTM has no argument 'unit'",
    ),
    "missing argument": (
        [4],
        [{"layer": "Dense", "name": "last"}],
        "layers[0] (Dense, 'last'): Dense(): Dense.__init__() missing 1 required positional argument: 'units'",
    ),
    "text for a number": ([4], [{"layer": "Dense", "units": "many"}], "Dense(units='many'): "),
    "a negative number": ([4], [{"layer": "Dense", "units": -1}], "Dense(units=-1): "),
    "a list for a number": ([4], [{"layer": "Dropout", "rate": [1, 2]}], "Dropout(rate=[1, 2]): "),
    "a mapping for a number": ([4], [{"layer": "Dense", "units": {"name": "many"}}], "units: must not be a mapping"),
    "wrong rank": (
        [4, 4],
        [{"layer": "Conv2D", "filters": 3, "kernel_size": 3}],
        "layers[0] (Conv2D, 'conv2d_0') got (None, 4, 4): ",
    ),
    "wrong size": ([4, 4], [{"layer": "Reshape", "target_shape": [5, 5]}], "(Reshape, 'reshape_0') got (None, 4, 4): "),
    "too small": ([4, 4, 1], [{"layer": "Conv2D", "filters": 3, "kernel_size": 5}], "got (None, 4, 4, 1): "),
    "shapes that do not add": (
        [4],
        [{"layer": "Dense", "units": 5, "name": "a"}, {"layer": "Add", "inputs": ["a", "input"]}],
        "layers[1] (Add, 'add_1') got (None, 5) and (None, 4): ",
    ),
    "too few inputs": (
        [4, 4],
        [{"layer": "MultiHeadAttention", "num_heads": 1, "key_dim": 2}],
        "the layer needs 2 inputs, query and value: set them in inputs",
    ),
    "one input for a merge": ([4], [{"layer": "Add"}], "(Add, 'add_0') got (None, 4): "),
    "too many inputs": (
        [4],
        [{**DENSE, "inputs": ["input", "input"]}],
        "(Dense, 'dense_0') got (None, 4) and (None, 4): ",
    ),
    "several outputs": (
        [4, 4],
        [{**LSTM, "return_state": True}],
        "spec.network.outputs: found lstm_0, but spec.network.layers[0] (LSTM, 'lstm_0') has 3 outputs, lstm_0:0 to",
    ),
    "a loose end": (
        [4],
        [{**DENSE, "name": "loose"}, {**DENSE, "inputs": ["input"]}],
        "layers[0] (Dense, 'loose'): no layer takes its output",
    ),
    "unknown initializer": (
        [4],
        [{**DENSE, "kernel_initializer": {"name": "Nero"}}],
        "kernel_initializer: keras.initializers has no 'Nero'; did you mean Zeros",
    ),
    "unknown activation": ([4], [{**DENSE, "activation": "bogus"}], "Dense(units=4, activation='bogus'): "),
    "control characters": (
        [4],
        [{**DENSE, "activation": "relu\x1b]0;owned\x07"}],
        r"Dense(units=4, activation='relu\x1b]0;owned\x07'): ",
    ),
    "unknown type": ([4], [{**DENSE, "dtype": "float99"}], "float99"),
    "a layer for an initializer": ([4], [{**DENSE, "kernel_initializer": DENSE}], "(Dense, 'dense_0')"),
    "a path for a vocabulary": (
        [4],
        [{"layer": "IntegerLookup", "vocabulary": "/etc/passwd"}],
        "vocabulary: must be a list, found '/etc/passwd': a text would be the path of a file in the pod",
    ),
    "a module to import": (
        [4],
        [{**DENSE, "kernel_initializer": {"class_name": "system", "module": "os", "config": {}}}],
        "kernel_initializer: must be a name, or a mapping with a name of keras.initializers",
    ),
    "a stateful layer": ([4, 4], [{**LSTM, "stateful": True}], "; remove stateful, since the batches of spec.network"),
}


@pytest.mark.parametrize("case", WRONG)
def test_invalid_networks(case: str) -> None:
    shape, layers, message = WRONG[case]
    with pytest.raises(Failure, match=re.escape(message)) as caught:
        build(shape, *layers)
    assert caught.value.reason == "InvalidNetwork"
    assert caught.value.exit_code == 64
    assert caught.value.message.startswith(("spec.network.layers[", "spec.network.outputs: "))
    assert len(caught.value.message) < 1500
    assert "\x1b" not in caught.value.message


def test_unknown_input_dtype() -> None:
    with pytest.raises(Failure, match=r"spec\.network\.input: .*float99"):
        build_network(network_spec([4], DENSE, dtype="float99"))


def test_network_too_large_for_memory() -> None:
    with expect_failure("InvalidNetwork", r"2,000,005,000,000 parameters.*dense_1"):
        build([4], {"layer": "Dense", "units": 10**6}, {"layer": "Dense", "units": 2 * 10**6, "use_bias": False})


def test_layer_too_large_for_memory() -> None:
    with expect_failure("InvalidNetwork", r"spec\.network\.layers\[0\] \(Embedding, 'embedding_0'\)"):
        build([8], {"layer": "Embedding", "input_dim": 2**31 - 1, "output_dim": 2**31 - 1}, {"layer": "Flatten"})


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_precision_of_layers(precision: str, caplog: pytest.LogCaptureFixture) -> None:
    training = Training.model_validate({"loss": "mse", "precision": precision})
    wrapped = {"layer": "TimeDistributed", "wrapped": {**DENSE, "name": "inner"}}
    exact = {**DENSE, "dtype": "float32", "name": "exact"}
    before = keras.config.dtype_policy()
    spec = network_spec([5, 4], {**DENSE, "name": "first"}, exact, {**wrapped, "name": "last"})
    model = build_network(spec, training=training)
    assert keras.config.dtype_policy() == before
    assert model.dtype_policy.name == model.get_layer("first").dtype_policy.name == precision
    assert model.get_layer("first").compute_dtype == precision.removeprefix("mixed_")
    last = model.get_layer("last")
    assert {layer.dtype_policy.name for layer in (model.get_layer("exact"), last, last.layer)} == {"float32"}
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert model.output.dtype == "float32"
    assert caplog.text == ""


def test_warning_of_a_half_precision_output(caplog: pytest.LogCaptureFixture) -> None:
    build([4], DENSE, {**DENSE, "dtype": "mixed_bfloat16"})
    assert (
        "The output of spec.network.layers[1] (Dense, 'dense_1') has the type bfloat16: write dtype: float32"
        in caplog.text
    )


def test_weights_are_determined_by_the_seed() -> None:
    first, same, other = (build([4], DENSE, seed=seed).get_weights()[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_build_nodes() -> None:
    merge = {"layer": "Add", "inputs": ["a", "b", "input"]}
    nodes = graph.build_nodes(network_spec([4], {**DENSE, "name": "a"}, {**DENSE, "name": "b"}, merge))
    assert [(node.name, node.sources) for node in nodes] == [("a", [-1]), ("b", [0]), ("add_2", [0, 1, -1])]


def chain(length: int) -> list[dict[str, Any]]:
    return [{"layer": "Identity"}] * length


def test_maximum_depth(tmp_path: Path) -> None:
    model = build([4], *chain(900))
    model.save(tmp_path / "model.keras")
    assert len(keras.saving.load_model(tmp_path / "model.keras").layers) == 901


def test_the_layers_are_listed_as_often_in_a_deep_network(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[keras.Model] = []
    functional = type(build([4], *chain(1)))
    layers = functional.layers

    def count(model: keras.Model) -> Any:
        listed.append(model)
        return layers.fget(model)

    def times_listed(depth: int) -> int:
        listed.clear()
        build([4], *chain(depth))
        return len(listed)

    monkeypatch.setattr(functional, "layers", property(count))
    assert times_listed(50) == times_listed(5)


@pytest.mark.parametrize("length", [901, 1000])
def test_depth_above_the_maximum(length: int) -> None:
    with expect_failure("InvalidNetwork", r"layers\[900\] .*: it is layer 901 in a row, but Keras supports 900: "):
        build([4], *chain(length))


def test_layers_side_by_side() -> None:
    side = [{"layer": "Identity", "name": f"side_{number}", "inputs": ["input"]} for number in range(60)]
    merged = {"layer": "Add", "inputs": [str(layer["name"]) for layer in side]}
    assert len(graph.build_nodes(network_spec([4], *side, merged, *chain(898)))) == 959


@pytest.mark.parametrize("depth", [300, 900])
def test_deeply_nested_arguments(depth: int) -> None:
    scale: Any = 1.0
    for _ in range(depth):
        scale = [scale]
    with pytest.raises(Failure, match=r"layers\[0\] \(Rescaling, 'rescaling_0'\): ") as caught:
        build([4], {"layer": "Rescaling", "scale": scale})
    assert caught.value.reason == "InvalidNetwork"
    layer: dict[str, Any] = {"layer": "ReLU"}
    for _ in range(depth):
        layer = {"layer": "Pipeline", "layers": [layer]}
    with pytest.raises(Failure, match=r"layers\[0\] \(Pipeline, 'pipeline_0'\)") as caught:
        build([4], layer)
    assert caught.value.reason == "InvalidNetwork"
    assert len(caught.value.message) < 2000


CONV = {"layer": "Conv2D", "filters": 2, "kernel_size": 3}
POOL = {"layer": "MaxPooling2D", "pool_size": 2}


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        (
            [28, 28],
            [CONV],
            "(Conv2D, 'conv2d_0') got (None, 28, 28): Conv2D needs one more axis, the last: the channels",
        ),
        ([28, 28], [CONV], "write spec.network.input.shape: [28, 28, 1]. An axis of 1 is added automatically"),
        ([28, 28], [POOL], "write spec.network.input.shape: [28, 28, 1]"),
        ([10], [LSTM], "write spec.network.input.shape: [10, 1]"),
        ([10], [{"layer": "SimpleRNN", "units": 3}], "write spec.network.input.shape: [10, 1]"),
        (
            [28, 28],
            [{"layer": "Rescaling", "scale": 0.5}, CONV],
            "put {layer: Reshape, target_shape: [28, 28, 1]} before it, or add the axis to spec.network.input.shape",
        ),
        ([28], [CONV], "got (None, 28): Input 0 "),
    ],
)
def test_missing_axis(shape: list[int], layers: list[dict[str, Any]], message: str) -> None:
    with expect_failure("InvalidNetwork", re.escape(message)):
        build(shape, *layers)


FLATTEN = {"layer": "Flatten"}


@pytest.mark.parametrize(
    ("shape", "dtype", "layers"),
    [
        ([], "string", [{"layer": "TextVectorization"}]),
        ([-1], "string", [{"layer": "StringLookup"}, {"layer": "Embedding", "input_dim": 9, "output_dim": 2}, FLATTEN]),
        ([-1], "int32", [{"layer": "Embedding", "input_dim": 9, "output_dim": 2}, FLATTEN]),
    ],
)
def test_weights_for_an_axis_of_any_length(shape: list[int], dtype: str, layers: list[dict[str, Any]]) -> None:
    message = rf"layers\[{len(layers)}\] \(Dense, .* got \(None, None\): the weights of the layer need an input of a .*"
    with expect_failure("InvalidNetwork", f"{message} GlobalAveragePooling1D. .* max_tokens", 64):
        build_network(network_spec(shape, *layers, DENSE, dtype=dtype))


@pytest.mark.parametrize(
    ("shape", "dtype", "lookup", "others"),
    [
        ([], "string", {"layer": "TextVectorization", "output_mode": "tf_idf"}, []),
        ([2], "string", {"layer": "StringLookup", "output_mode": "one_hot"}, []),
        ([2], "string", {"layer": "StringLookup", "output_mode": "one_hot", "max_tokens": 9}, [FLATTEN]),
        ([1], "int32", {"layer": "IntegerLookup", "output_mode": "one_hot"}, [{"layer": "Dropout", "rate": 0.5}]),
    ],
)
def test_weights_for_the_words_that_a_layer_learns(
    shape: list[int], dtype: str, lookup: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    message = (
        rf"\(Dense, .*, but spec.network.layers\[0\] \({lookup['layer']}, .* set vocabulary of .*, or its max_tokens"
    )
    with expect_failure("InvalidNetwork", message, 64):
        build_network(network_spec(shape, lookup, *others, DENSE, dtype=dtype))


LOOKUP = {"layer": "StringLookup", "vocabulary": ["a", "b"]}
ONE = {"layer": "Reshape", "target_shape": [1]}


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ([4], [DENSE]),
        ([], [ONE, DENSE]),
        ([2, 2], [{"layer": "TimeDistributed", "wrapped": {"layer": "Flatten"}}, DENSE]),
        ([4], [{"layer": "RepeatVector", "n": 3}, DENSE]),
        ([4], [LOOKUP, {**LOOKUP, "invert": True}, DENSE]),
        ([4], [{"layer": "Concatenate", "inputs": ["input", "input"]}, DENSE]),
    ],
)
def test_texts_for_a_layer_of_numbers(shape: list[int], layers: list[dict[str, Any]]) -> None:
    message = r"Dense takes numbers, but got texts: put a TextVectorization or StringLookup before it"
    with expect_failure("InvalidNetwork", message, 64):
        build_network(network_spec(shape, *layers, dtype="string"))


@pytest.mark.parametrize(
    "layers",
    [
        [LOOKUP],
        [ONE, LOOKUP],
        [{"layer": "Pipeline", "layers": [ONE, LOOKUP]}],
        [{"layer": "Concatenate", "inputs": ["input", "input"]}, LOOKUP],
        [{"layer": "HashedCrossing", "num_bins": 3, "inputs": ["input", "input"]}],
    ],
)
def test_layers_that_take_texts(layers: list[dict[str, Any]]) -> None:
    model = build_network(network_spec([1], *layers, dtype="string"))
    assert model.predict_on_batch(np.array([["a"], ["b"]])).dtype.kind == "i"
