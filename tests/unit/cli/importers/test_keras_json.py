"""Configurations of Keras models of all versions become networks. No test imports Keras."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal.errors import EpochalError
from epochal.importers import Imported, import_file
from epochal_api.catalogue.problems import problems

Importer = Callable[..., Imported]


@pytest.fixture
def read(tmp_path: Path) -> Importer:
    def read_model(document: Any, **options: Any) -> Imported:
        path = tmp_path / "model.json"
        path.write_text(json.dumps(document))
        imported = import_file(path, **options)
        assert problems(imported.document) == []
        assert yaml.safe_load(imported.text) == imported.document
        return imported

    return read_model


def network(imported: Imported) -> dict[str, Any]:
    found: dict[str, Any] = imported.document["spec"]["network"]
    return found


def layer(kind: str, name: str, calls: Sequence[Any] = (), **config: Any) -> dict[str, Any]:
    module = "keras" if kind == "Sequential" else "keras.layers"
    entry = {"module": module, "class_name": kind, "config": {"name": name, **config}, "registered_name": None}
    return {**entry, "name": name, "inbound_nodes": [{"args": [each], "kwargs": {}} for each in calls]}


def tensor(name: str, call: int = 0, output: int = 0) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output], "shape": [None, 4]}}


def functional(layers: Sequence[Mapping[str, Any]], inputs: Any, outputs: Any, **more: Any) -> dict[str, Any]:
    config = {"name": "functional", "layers": list(layers), "input_layers": inputs, "output_layers": outputs}
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config, **more}


def sequential(*layers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}, **more}


def given(name: str, shape: Sequence[int | None] = (4,)) -> dict[str, Any]:
    return layer("InputLayer", name, batch_shape=[None, *shape], dtype="float32")


KERAS_2 = {
    "class_name": "Sequential",
    "keras_version": "2.2.4",
    "backend": "tensorflow",
    "config": [
        {
            "class_name": "Conv2D",
            "config": {
                "name": "conv2d_1",
                "trainable": True,
                "batch_input_shape": [None, 28, 28, 1],
                "dtype": "float32",
                "filters": 32,
                "kernel_size": [3, 3],
                "strides": [1, 1],
                "padding": "valid",
                "data_format": "channels_last",
                "dilation_rate": [1, 1],
                "activation": "relu",
                "use_bias": True,
                "kernel_initializer": {
                    "class_name": "VarianceScaling",
                    "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
                },
                "bias_initializer": {"class_name": "Zeros", "config": {}},
                "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.001}},
                "bias_regularizer": None,
            },
        },
        {"class_name": "BatchNormalization", "config": {"name": "bn", "axis": [3], "momentum": 0.9, "epsilon": 0.001}},
        {"class_name": "LeakyReLU", "config": {"name": "leaky", "alpha": 0.1}},
        {"class_name": "MaxPooling2D", "config": {"name": "pool", "pool_size": [2, 2], "strides": [2, 2]}},
        {"class_name": "Flatten", "config": {"name": "flatten_1"}},
        {"class_name": "Dense", "config": {"name": "dense_1", "units": 10, "activation": "softmax"}},
    ],
}
KERAS_1 = {
    "class_name": "Sequential",
    "config": [
        {
            "class_name": "Convolution2D",
            "config": {
                "name": "convolution2d_1",
                "batch_input_shape": [None, 28, 28, 1],
                "nb_filter": 16,
                "nb_row": 3,
                "nb_col": 5,
                "subsample": [1, 1],
                "border_mode": "same",
                "init": "glorot_uniform",
                "dim_ordering": "tf",
                "bias": True,
                "W_regularizer": None,
                "activation": "relu",
            },
        },
        {"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.25}},
        {"class_name": "Flatten", "config": {"name": "flatten_1"}},
        {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 10, "input_dim": None}},
        {"class_name": "Activation", "config": {"name": "activation_1", "activation": "softmax"}},
    ],
}


def test_a_sequential_of_keras_2(read: Importer) -> None:
    imported = read(KERAS_2)
    assert imported.warnings == []
    assert network(imported) == {
        "input": {"shape": [28, 28, 1]},
        "layers": [
            {
                "layer": "Conv2D",
                "name": "conv2d_1",
                "filters": 32,
                "kernel_size": 3,
                "activation": "relu",
                "kernel_regularizer": {"name": "L2", "l2": 0.001},
            },
            {"layer": "BatchNormalization", "name": "bn", "axis": 3, "momentum": 0.9},
            {"layer": "LeakyReLU", "name": "leaky", "negative_slope": 0.1},
            {"layer": "MaxPooling2D", "name": "pool"},
            {"layer": "Flatten", "name": "flatten_1"},
            {"layer": "Dense", "name": "dense_1", "units": 10, "activation": "softmax"},
        ],
    }
    assert "# From the Keras model model.json of Keras 2.2.4." in imported.text


def test_a_sequential_of_keras_1(read: Importer) -> None:
    assert network(read(KERAS_1))["layers"] == [
        {
            "layer": "Conv2D",
            "name": "convolution2d_1",
            "filters": 16,
            "kernel_size": [3, 5],
            "padding": "same",
            "activation": "relu",
        },
        {"layer": "Dropout", "name": "dropout_1", "rate": 0.25},
        {"layer": "Flatten", "name": "flatten_1"},
        {"layer": "Dense", "name": "dense_1", "units": 10},
        {"layer": "Activation", "name": "activation_1", "activation": "softmax"},
    ]


def recurrent(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": kind, "units": 4, **config}}


def of_version(version: str | None, *layers: Mapping[str, Any]) -> dict[str, Any]:
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 5, 3], "dtype": "float32"}}
    config = {"name": "s", "layers": [first, *layers]}
    return {"class_name": "Sequential", "config": config, **({"keras_version": version} if version else {})}


@pytest.mark.parametrize("version", ["1.2.2", "2.1.6-tf", "2.15.0", None])
def test_a_gru_of_keras_2_resets_before_by_default(read: Importer, version: str | None) -> None:
    wrapped = {"class_name": "Bidirectional", "config": {"name": "b", "layer": recurrent("GRU", return_sequences=True)}}
    cudnn = recurrent("CuDNNGRU", return_sequences=True)
    stored = recurrent("GRU", reset_after=True)
    both, fast, last = network(read(of_version(version, wrapped, cudnn, stored)))["layers"]
    assert both["wrapped"] == {"layer": "GRU", "units": 4, "return_sequences": True, "reset_after": False}
    assert "reset_after" not in fast | last


def test_a_gru_of_keras_3_keeps_its_default(read: Importer) -> None:
    assert "reset_after" not in network(read(of_version("3.3.3", recurrent("GRU"))))["layers"][0]


@pytest.mark.parametrize(
    ("layer", "label"),
    [
        (recurrent("LSTM", recurrent_activation="hard_sigmoid"), 'layer "LSTM"'),
        (recurrent("LSTM", inner_activation="hard_sigmoid"), 'layer "LSTM"'),
        (recurrent("Dense", activation="hard_sigmoid"), 'layer "Dense"'),
        (
            {
                "class_name": "Bidirectional",
                "config": {"name": "b", "layer": recurrent("GRU", recurrent_activation="hard_sigmoid")},
            },
            'layer "b"',
        ),
    ],
)
def test_the_hard_sigmoid_of_keras_2_is_a_warning(read: Importer, layer: Mapping[str, Any], label: str) -> None:
    expected = f"{label}: hard_sigmoid was clip(0.2x + 0.5), and is clip(x/6 + 0.5) in Keras 3, so the outputs differ"
    for version in ("2.2.4", None):
        assert expected in read(of_version(version, layer)).warnings
    assert expected not in read(of_version("3.0.0", layer)).warnings
    with pytest.raises(EpochalError, match="--strict"):
        read(of_version("2.2.4", layer), strict=True)


def test_json_within_json(read: Importer) -> None:
    assert network(read(json.dumps(KERAS_1))) == network(read(KERAS_1))


def test_shared_layers_several_inputs_and_outputs(read: Importer) -> None:
    layers = [
        given("left"),
        given("right"),
        layer("LSTM", "lstm", [tensor("repeat")], units=5, return_state=True),
        layer("Dense", "shared", [tensor("left"), tensor("right")], units=3),
        layer("Concatenate", "both", [[tensor("shared", 0), tensor("shared", 1)]], axis=-1),
        layer("RepeatVector", "repeat", [tensor("both")], n=2),
        layer("Dense", "odd", [tensor("lstm", 0, 2)], units=1, activation="sigmoid"),
    ]
    compiled = {
        "optimizer": {
            "module": "keras.optimizers",
            "class_name": "SGD",
            "config": {"learning_rate": 0.009999999776482582},
        },
        "loss": {"odd": "binary_crossentropy", "lstm": "mse"},
        "loss_weights": [0.5, 1.0],
        "metrics": {"odd": ["accuracy"]},
    }
    model = functional(
        layers, [["left", 0, 0], ["right", 0, 0]], [["odd", 0, 0], ["lstm", 0, 1]], compile_config=compiled
    )
    imported = read(model)
    assert network(imported) == {
        "inputs": [{"name": "left", "shape": [4]}, {"name": "right", "shape": [4]}],
        "layers": [
            {"layer": "Dense", "name": "shared", "units": 3, "inputs": ["left"]},
            {"use": "shared", "name": "shared_2", "inputs": ["right"]},
            {"layer": "Concatenate", "name": "both", "inputs": ["shared", "shared_2"]},
            {"layer": "RepeatVector", "name": "repeat", "n": 2},
            {"layer": "LSTM", "name": "lstm", "units": 5, "return_state": True},
            {"layer": "Dense", "name": "odd", "units": 1, "activation": "sigmoid", "inputs": ["lstm:2"]},
        ],
        "outputs": ["odd", "lstm:1"],
    }
    assert imported.document["spec"]["training"]["optimizer"] == "SGD"
    assert imported.document["spec"]["training"]["outputs"] == [
        {"name": "odd", "loss": "binary_crossentropy", "metrics": ["accuracy"], "weight": "0.5"},
        {"name": "lstm_1", "loss": "mse"},
    ]


def test_legacy_calls_and_a_model_within_a_model(read: Importer) -> None:
    inner = {
        "class_name": "Sequential",
        "name": "inner",
        "config": {"name": "inner", "layers": [{"class_name": "Dense", "config": {"name": "dense", "units": 2}}]},
        "inbound_nodes": [[["x", 0, 0, {}]], [["dense", 0, 0, {}]]],
    }
    outer = {
        "class_name": "Dense",
        "name": "dense",
        "config": {"name": "dense", "units": 4},
        "inbound_nodes": [[["inner", 1, 0, {}]]],
    }
    given_x = {"class_name": "InputLayer", "name": "x", "config": {"batch_input_shape": [None, 4]}, "inbound_nodes": []}
    model = {
        "class_name": "Model",
        "config": {
            "layers": [given_x, inner, outer],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["inner", 2, 0]],
        },
    }
    assert network(read(model)) == {
        "inputs": [{"name": "x", "shape": [4]}],
        "layers": [
            {"layer": "Dense", "name": "dense", "units": 2},
            {"layer": "Dense", "name": "dense_2", "units": 4},
            {"use": "dense", "name": "dense_3"},
        ],
    }


@pytest.mark.parametrize("training", [True, False])
def test_a_fixed_mode_of_a_call_in_keras_2_is_lost_with_a_warning(read: Importer, *, training: bool) -> None:
    norm = {**layer("BatchNormalization", "norm"), "inbound_nodes": [[["x", 0, 0, {"training": training}]]]}
    dense = {**layer("Dense", "dense", units=1), "inbound_nodes": [[["norm", 0, 0, {}]]]}
    model = functional([{**given("x"), "inbound_nodes": []}, norm, dense], [["x", 0, 0]], [["dense", 0, 0]])
    warning = f'layer "norm": training={training} of its call is lost: the layer uses the mode of the network'
    assert read(model).warnings == [warning]
    with pytest.raises(EpochalError, match="of its call is lost"):
        read(model, strict=True)


def test_wrappers_objects_and_precision(read: Importer) -> None:
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    lstm = {"module": "keras.layers", "class_name": "LSTM", "config": {"name": "forward_lstm", "units": 3}}
    backward = {**lstm, "config": {"name": "backward_lstm", "units": 3, "go_backwards": True}}
    orthogonal = {"module": "keras.initializers", "class_name": "Orthogonal", "config": {"gain": 2.0, "seed": None}}
    imported = read(
        sequential(
            given("input_layer", (None, 4)),
            layer("Bidirectional", "both", layer=lstm, backward_layer=backward, merge_mode="concat", dtype=policy),
            layer("Dense", "dense", units=2, kernel_initializer=orthogonal, dtype=policy),
            layer("Dense", "exact", units=2, dtype={**policy, "config": {"name": "float32"}}),
        )
    )
    assert network(imported)["input"] == {"shape": [-1, 4]}
    assert network(imported)["layers"] == [
        {"layer": "Bidirectional", "name": "both", "wrapped": {"layer": "LSTM", "units": 3}},
        {"layer": "Dense", "name": "dense", "units": 2, "kernel_initializer": {"name": "Orthogonal", "gain": 2.0}},
        {"layer": "Dense", "name": "exact", "units": 2},
    ]
    assert imported.document["spec"]["training"]["precision"] == "mixed_float16"


@pytest.mark.parametrize(
    ("argument", "kind", "config", "expected"),
    [
        ("kernel_constraint", "MaxNorm", {"max_value": 3, "axis": 1}, {"max_value": 3, "axis": 1}),
        ("kernel_regularizer", "OrthogonalRegularizer", {"factor": 0.1, "mode": "rows"}, {"factor": 0.1}),
    ],
)
def test_objects_keep_their_arguments(
    read: Importer, argument: str, kind: str, config: dict[str, Any], expected: dict[str, Any]
) -> None:
    value = {"module": "keras", "class_name": kind, "config": config, "registered_name": None}
    imported = read(sequential(given("x"), layer("Dense", "dense", [], units=2, **{argument: value})))
    assert network(imported)["layers"][0][argument] == {"name": kind, **expected}


@pytest.mark.parametrize(
    ("kind", "stored", "expected"),
    [
        ("AveragePooling1D", {"pool_size": [2], "strides": [2]}, {"pool_size": 2}),
        ("MaxPooling1D", {"pool_size": [3], "strides": [1]}, {"pool_size": 3, "strides": 1}),
        ("AdaptiveAveragePooling1D", {"output_size": [2]}, {"output_size": 2}),
        ("Cropping2D", {"cropping": [[1, 2], [3, 0]]}, {"cropping": [[1, 2], [3, 0]]}),
        ("ZeroPadding3D", {"padding": [[2, 2], [2, 2], [2, 2]]}, {"padding": [[2, 2], [2, 2], [2, 2]]}),
        ("AugMix", {"factor": [0.1, 0.3]}, {"factor": [0.1, 0.3]}),
        ("RandomPosterization", {"factor": [1, 4]}, {"factor": [1, 4]}),
        ("RandomGaussianBlur", {"kernel_size": [3, 5]}, {"kernel_size": [3, 5]}),
        ("RandomShear", {"x_factor": [-0.2, 0.2], "y_factor": [0.1, 0.3]}, {"x_factor": 0.2, "y_factor": [0.1, 0.3]}),
    ],
)
def test_sizes_and_ranges_as_keras_stores_them(
    read: Importer, kind: str, stored: dict[str, Any], expected: dict[str, Any]
) -> None:
    imported = read(sequential(given("x", (8, 8, 3)), layer(kind, "odd", [], **stored)))
    assert imported.warnings == []
    assert network(imported)["layers"] == [{"layer": kind, "name": "odd", **expected}]


def test_a_mask_that_keras_computes_again(read: Importer) -> None:
    mask = {
        "module": "keras.src.ops.numpy",
        "class_name": "NotEqual",
        "config": {"name": "not_equal"},
        "name": "not_equal",
    }
    lstm = layer("LSTM", "lstm", units=3)
    lstm["inbound_nodes"] = [
        {"args": [tensor("embedding")], "kwargs": {"training": False, "mask": tensor("not_equal")}}
    ]
    layers = [
        given("words", (None,)),
        layer("Embedding", "embedding", [tensor("words")], input_dim=9, output_dim=4, mask_zero=True),
        {**mask, "inbound_nodes": [{"args": [tensor("words"), 0], "kwargs": {}}]},
        lstm,
    ]
    imported = read(functional(layers, ["words", 0, 0], ["lstm", 0, 0]))
    assert [each["name"] for each in network(imported)["layers"]] == ["embedding", "lstm"]


def test_a_compiled_loss_that_is_custom_becomes_a_suitable_one(read: Importer) -> None:
    custom = {"module": "__main__", "class_name": "function", "config": "my_loss", "registered_name": "function"}
    auc = {"module": "keras.metrics", "class_name": "AUC", "config": {"name": "my_auc", "num_thresholds": 200}}
    compiled = {"optimizer": "adam", "loss": custom, "metrics": ["accuracy", auc]}
    dense = layer("Dense", "dense", units=3, activation="softmax")
    imported = read(sequential(given("input_1"), dense, compile_config=compiled))
    training = imported.document["spec"]["training"]
    assert (training["loss"], training["metrics"]) == ("SparseCategoricalCrossentropy", ["accuracy", "AUC"])
    assert ["my_loss" in imported.warnings[0], "my_auc" in imported.warnings[1]] == [True, True]
    with pytest.raises(EpochalError, match="my_loss"):
        read(sequential(given("input_1"), dense, compile_config=compiled), strict=True)


def test_a_compiled_loss_that_is_a_lambda(read: Importer) -> None:
    compiled = {"optimizer": "adam", "loss": FUNCTION, "metrics": []}
    imported = read(sequential(given("x"), layer("Dense", "dense", units=1), compile_config=compiled))
    assert "it is a lambda, which is custom code: MeanSquaredError, which suits" in imported.warnings[0]


def test_a_compiled_model_without_its_optimizer_has_a_placeholder(read: Importer) -> None:
    compiled = {"optimizer": None, "loss": "mse", "metrics": None}
    imported = read(sequential(given("input_1"), layer("Dense", "dense", units=1), compile_config=compiled))
    assert "spec.training.optimizer" in imported.placeholders
    assert "# Fill in: the optimizer, which is not in the file." in imported.text


def two_outputs(outputs: Any, **compiled: Any) -> dict[str, Any]:
    """Return a model with the outputs a, a number, and b, classes."""
    a = layer("Dense", "a", [tensor("x")], units=1)
    b = layer("Dense", "b", [tensor("x")], units=3, activation="softmax")
    return functional([given("x"), a, b], ["x", 0, 0], outputs, compile_config={"optimizer": "adam", **compiled})


def test_a_dict_of_outputs_keeps_its_losses(read: Importer) -> None:
    outputs = {"price": ["a", 0, 0], "kind": ["b", 0, 0]}
    losses = {"price": "mae", "kind": "categorical_crossentropy"}
    imported = read(two_outputs(outputs, loss=losses, loss_weights={"price": 2.0}, metrics={"kind": ["accuracy"]}))
    assert imported.warnings == []
    # Keras orders the outputs by their keys.
    assert network(imported)["outputs"] == ["b", "a"]
    assert imported.document["spec"]["training"]["outputs"] == [
        {"name": "b", "loss": "categorical_crossentropy", "metrics": ["accuracy"]},
        {"name": "a", "loss": "mae", "weight": "2.0"},
    ]


def test_two_outputs_of_a_layer_keep_their_losses(read: Importer) -> None:
    lstm = layer("LSTM", "lstm", [tensor("x")], units=2, return_state=True)
    compiled = {"optimizer": "adam", "loss": ["mse", "mae"]}
    outputs = [["lstm", 0, 0], ["lstm", 0, 1]]
    imported = read(functional([given("x", (3, 4)), lstm], ["x", 0, 0], outputs, compile_config=compiled))
    assert imported.document["spec"]["training"]["outputs"] == [
        {"name": "lstm_0", "loss": "mse"},
        {"name": "lstm_1", "loss": "mae"},
    ]


def test_losses_of_outputs_that_the_model_does_not_have(read: Importer) -> None:
    losses = {"a": "mae", "left": "mse", "right": "mse"}
    imported = read(two_outputs([["a", 0, 0], ["b", 0, 0]], loss=losses))
    *unknown, replaced = imported.warnings
    assert unknown == [f"compile: loss names {name}, which is no output of the model" for name in ("left", "right")]
    assert replaced.startswith('loss of the output "b": the file has none: SparseCategoricalCrossentropy, which suits')
    assert imported.document["spec"]["training"]["outputs"] == [
        {"name": "a", "loss": "mae"},
        {"name": "b", "loss": "SparseCategoricalCrossentropy"},
    ]


@pytest.mark.parametrize("loss", [["mae", None], {"a": "mae"}, {"a": "mae", "b": None}])
def test_an_output_without_a_loss_is_not_trained(read: Importer, loss: Any) -> None:
    model = two_outputs([["a", 0, 0], ["b", 0, 0]], loss=loss)
    imported = read(model)
    assert imported.document["spec"]["training"]["outputs"] == [
        {"name": "a", "loss": "mae"},
        {"name": "b", "loss": "SparseCategoricalCrossentropy", "weight": "0"},
    ]
    assert len(imported.warnings) == 1
    assert imported.warnings[0].startswith(
        'loss of the output "b": the loss is not set, so Keras does not train this output'
    )
    with pytest.raises(EpochalError, match='loss of the output "b"'):
        read(model, strict=True)


def test_a_model_that_was_compiled_without_losses_has_a_placeholder(read: Importer) -> None:
    imported = read(two_outputs([["a", 0, 0], ["b", 0, 0]], loss=None))
    assert "spec.training.outputs" in imported.placeholders
    assert "without a loss" in imported.text


CUSTOM = {"module": "my_package", "class_name": "Scale", "config": {"name": "scale"}, "registered_name": "my>Scale"}
FUNCTION = {"class_name": "__lambda__", "config": {"value": ["4wEAAAAA", None, None]}}
LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "double"}, "registered_name": None}
ADD = {"module": "keras.src.ops.numpy", "class_name": "Add", "config": {"name": "add"}, "name": "add"}
CAUSAL = {"args": [tensor("x"), tensor("x")], "kwargs": {"use_causal_mask": True}}
ATTENTION = {**layer("MultiHeadAttention", "attention", num_heads=1, key_dim=2), "inbound_nodes": [CAUSAL]}
DENSE = layer("Dense", "dense", [tensor("x")], units=1)
LOOP = [layer("Dense", "a", [tensor("b")], units=1), layer("Dense", "b", [tensor("a")], units=1)]
BROKEN: Mapping[str, tuple[Any, str]] = {
    "custom layer": (
        sequential(given("x"), CUSTOM),
        'layer "scale": Scale is a custom layer, whose code cannot be imported',
    ),
    "lambda": (sequential(given("x"), LAMBDA), 'layer "double": Lambda cannot be imported: it runs code'),
    "lambda activation": (
        sequential(given("x"), layer("Dense", "dense", units=1, activation={"value": ["4wEAAAAA", None, None]})),
        'layer "dense": activation is a lambda, which is custom code',
    ),
    "lambda initializer": (
        sequential(given("x"), layer("Dense", "dense", units=1, kernel_initializer=FUNCTION)),
        'layer "dense": kernel_initializer is a lambda, which is custom code',
    ),
    "subclass": ({"class_name": "MyModel", "module": "my", "config": {}}, "the model is a MyModel, a custom class"),
    "operation": (
        functional(
            [given("x"), {**ADD, "inbound_nodes": [{"args": [tensor("x"), 1.0], "kwargs": {}}]}],
            ["x", 0, 0],
            ["add", 0, 0],
        ),
        "the layer add: a call has the input 1.0, which is no output of a layer",
    ),
    "call with an argument": (
        functional([given("x"), ATTENTION], ["x", 0, 0], ["attention", 0, 0]),
        "the layer attention: a call has the argument use_causal_mask: True",
    ),
    "cycle": (
        functional([given("x"), *LOOP], ["x", 0, 0], ["a", 0, 0]),
        "takes its own output, directly or through other layers",
    ),
    "missing layer": (
        functional([given("x"), layer("Dense", "a", [tensor("z")], units=1)], ["x", 0, 0], ["a", 0, 0]),
        "the layer a takes an output of z, which is no such layer or call",
    ),
    "missing output": (
        functional([given("x"), DENSE], ["x", 0, 0], ["y", 0, 0]),
        "input_layers or output_layers names y, which is no layer",
    ),
    "missing second output": (
        functional([given("x"), DENSE], ["x", 0, 0], ["dense", 3, 0]),
        "the layer dense has no output",
    ),
    "equal names": (
        functional([given("x"), DENSE, DENSE], ["x", 0, 0], ["dense", 0, 0]),
        "two layers of the model have the name dense",
    ),
    "missing argument": (
        sequential(given("x"), layer("Dense", "dense")),
        'layer "dense": spec.network.layers[0]: Dense needs units',
    ),
    "too many layers": (
        sequential(given("x"), *(layer("Flatten", f"f{index}") for index in range(1001))),
        'layer "f1000": a network has at most 1,000 layers',
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_model_that_is_not_importable(read: Importer, name: str) -> None:
    document, message = BROKEN[name]
    with pytest.raises(EpochalError) as caught:
        read(document)
    assert message in str(caught.value)


def test_models_that_use_each_other_many_times_are_bounded(read: Importer) -> None:
    inner: dict[str, Any] = sequential(layer("Flatten", "flatten"))
    for depth in range(15):
        copies = [{**inner, "config": {**inner["config"], "name": f"m{depth}_{copy}"}} for copy in range(2)]
        inner = sequential(*copies)
    with pytest.raises(EpochalError, match="a network has at most 1,000 layers"):
        read(sequential(given("x"), *inner["config"]["layers"]))
