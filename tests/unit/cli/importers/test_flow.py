"""Flows of the Neural Network Modeler become TrainingJobs without problems."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal.errors import EpochalError
from epochal.importers import Imported, import_file
from epochal_api.catalogue.problems import problems

from tests.unit.cli.importers.flows import CONV, DATA, POOL, chain, digits, flow, identity, node

SOFTMAX = "loss.softmaxcrossentropyloss"
SIGMOID = "loss.sigmoidcrossentropyloss"

Importer = Callable[..., Imported]


@pytest.fixture
def read(tmp_path: Path) -> Importer:
    def read_flow(document: Mapping[str, Any], **options: Any) -> Imported:
        path = tmp_path / "old-flow.nnd"
        path.write_text(json.dumps(document))
        imported = import_file(path, **options)
        assert problems(imported.document) == []
        assert yaml.safe_load(imported.text) == imported.document
        return imported

    return read_flow


def spec(imported: Imported) -> dict[str, Any]:
    found: dict[str, Any] = imported.document["spec"]
    return found


def test_a_complete_flow_with_its_nodes_in_no_order(read: Importer) -> None:
    imported = read(digits())
    assert imported.document["metadata"] == {"name": "digits-of-2018"}
    assert spec(imported)["data"] == {
        "bucket": "digits-data",
        "format": "pickle",
        "train": {"object": "mnist-train.pkl"},
        "validation": {"object": "mnist-val.pkl"},
        "test": {"object": "mnist-test.pkl"},
    }
    assert spec(imported)["network"] == {
        "input": {"shape": [28, 28, 1]},
        "layers": [
            {"layer": "Conv2D", "name": "Conv_2D", "filters": 32, "kernel_size": 3, "padding": "same"},
            {"layer": "Activation", "name": "ReLU", "activation": "relu"},
            {"layer": "MaxPooling2D", "name": "Pool"},
            {"layer": "Flatten", "name": "Flatten"},
            {"layer": "Dropout", "name": "Dropout", "rate": 0.25},
            {"layer": "Dense", "name": "Dense_10", "units": 10},
            {"layer": "Activation", "name": "Softmax", "activation": "softmax"},
        ],
    }
    assert spec(imported)["training"] == {
        "epochs": 5,
        "batchSize": 128,
        "optimizer": "Adam",
        "loss": "SparseCategoricalCrossentropy",
        "metrics": ["accuracy"],
    }
    assert (imported.warnings, imported.placeholders) == ([], [])
    assert "# Conv 2D\n" in imported.text
    assert "# From the flow Digits of 2018 of the Neural Network Modeler." in imported.text


def test_branches_become_inputs(read: Importer) -> None:
    imported = read(
        flow(
            node("Concat", "core.merge", ["One", "Two"], mode="concat"),
            node("Images", "input.imagedata", **DATA),
            node("One", "core.flatten", ["Images"]),
            node("Two", "core.flatten", ["Images"]),
            node("Dense", "core.dense", ["Concat"], output_dim=10),
            node("Softmax", "activation.softmax", ["Dense"]),
            node("Loss", SOFTMAX, ["Softmax"]),
            node("Adam", "optimizer.adam", ["Loss"]),
        )
    )
    layers = spec(imported)["network"]["layers"]
    assert [layer["name"] for layer in layers] == ["One", "Two", "Concat", "Dense", "Softmax"]
    assert [layer.get("inputs") for layer in layers] == [None, ["input"], ["One", "Two"], None, None]


@pytest.mark.parametrize(
    ("parameters", "axis", "warnings"),
    [
        ({"mode": "concat"}, None, 0),
        ({"mode": "concat", "concat_axis": "2"}, 2, 0),
        ({"mode": "concat", "concat_axis": "last"}, None, 1),
        ({"mode": "sum", "concat_axis": "last"}, None, 0),
    ],
)
def test_the_axis_of_a_concatenation(
    read: Importer, parameters: dict[str, Any], axis: int | None, warnings: int
) -> None:
    imported = read(
        flow(
            node("Images", "input.imagedata", **DATA),
            node("One", "core.flatten", ["Images"]),
            node("Two", "core.flatten", ["Images"]),
            node("Merge", "core.merge", ["One", "Two"], **parameters),
            node("Loss", SOFTMAX, ["Merge"]),
            node("Adam", "optimizer.adam", ["Loss"]),
        )
    )
    assert spec(imported)["network"]["layers"][2].get("axis") == axis
    assert len([warning for warning in imported.warnings if "concat_axis" in warning]) == warnings


def test_two_losses_are_two_outputs(read: Importer) -> None:
    imported = read(
        flow(
            node("Images", "input.imagedata", **DATA),
            node("Flat", "core.flatten", ["Images"]),
            node("Digit", "core.dense", ["Flat"], output_dim=10),
            node("Softmax", "activation.softmax", ["Digit"]),
            node("Odd", "core.dense", ["Flat"], output_dim=1),
            node("Sigmoid", "activation.sigmoid", ["Odd"]),
            node("A", SOFTMAX, ["Softmax"]),
            node("B", SIGMOID, ["Sigmoid"]),
            node("Accuracy", "metric.accuracy", ["Softmax"]),
            node("SGD", "optimizer.sgd", ["A", "B"]),
        )
    )
    assert spec(imported)["network"]["outputs"] == ["Softmax", "Sigmoid"]
    assert spec(imported)["training"]["outputs"] == [
        {"name": "Softmax", "loss": "SparseCategoricalCrossentropy", "metrics": ["accuracy"]},
        {"name": "Sigmoid", "loss": "BinaryCrossentropy", "metrics": []},
    ]


@pytest.mark.parametrize(
    ("last", "loss", "expected", "warning"),
    [
        ("softmax 10", SOFTMAX, "SparseCategoricalCrossentropy", None),
        ("softmax 10", SIGMOID, "SparseCategoricalCrossentropy", "does not suit the activation softmax"),
        ("sigmoid 1", SIGMOID, "BinaryCrossentropy", None),
        ("sigmoid 1", SOFTMAX, "BinaryCrossentropy", "needs an output for each class"),
        ("sigmoid 10", SIGMOID, "BinaryCrossentropy", None),
        ("relu 10", SOFTMAX, {"name": "SparseCategoricalCrossentropy", "from_logits": True}, "relu"),
        ("linear 10", SOFTMAX, {"name": "SparseCategoricalCrossentropy", "from_logits": True}, None),
        ("linear 1", "loss.meansquarederror", "MeanSquaredError", None),
    ],
)
def test_the_loss_suits_the_last_layer(
    read: Importer, last: str, loss: str, expected: Any, warning: str | None
) -> None:
    activation, units = last.split()
    dense = node("Dense", "core.dense", [], output_dim=units)
    end = node("Last", f"activation.{activation}", [])
    imported = read(chain(node("Flat", "core.flatten", []), dense, end, loss=loss))
    assert spec(imported)["training"]["loss"] == expected
    about_loss = [line for line in imported.warnings if line.startswith(f'node "Loss" (id {identity("Loss")})')]
    assert bool(about_loss) == bool(warning)
    assert warning is None or warning in about_loss[0]


def test_lost_details_are_warnings_with_the_label_of_the_node(read: Importer) -> None:
    convolution = {**CONV, "W_lr_mult": "2", "W_regularizer": {"name": "L2", "l2": "0.01"}, "W_constraint": "sorted"}
    flow_with_details = chain(
        node("My conv", "convolution.convolution2d", [], **convolution),
        node("Flat", "core.flatten", []),
        node("Dense", "core.dense", [], output_dim="10"),
        node("Softmax", "activation.softmax", []),
        loss=SOFTMAX,
    )
    imported = read(flow_with_details)
    label = f'node "My conv" (id {identity("My conv")})'
    assert imported.warnings == [
        f"{label}: W_lr_mult is 2: Keras has no such argument, so this value is lost",
        f"{label}: W_constraint is sorted: it must be a name of keras.constraints, so Keras' default is used",
    ]
    assert spec(imported)["network"]["layers"][0]["kernel_regularizer"] == {"name": "L2", "l2": 0.01}
    with pytest.raises(EpochalError, match="W_lr_mult is 2") as caught:
        read(flow_with_details, strict=True)
    assert "--strict" in caught.value.message


def test_wrong_and_missing_parameters_have_defaults_and_warnings(read: Importer) -> None:
    data = {"rows": "null", "cols": "28", "channels": 0, "train_dataset": "null", "bucket": "My Bucket", "classes": 7}
    imported = read(
        chain(
            node("Conv", "convolution.convolution2d", [], nb_filter="many", border_mode="SAME"),
            node("Pool", "convolution.pooling2d", [], function="MEDIAN"),
            node("Reshape", "core.reshape", [], target_shape="null"),
            node("Flat", "core.flatten", []),
            node("Drop", "core.dropout", []),
            node("Dense", "core.dense", [], output_dim="null"),
            node("Softmax", "activation.softmax", []),
            loss=SOFTMAX,
            data=data,
        )
    )
    layers = {layer["name"]: layer for layer in spec(imported)["network"]["layers"]}
    assert (layers["Conv"]["filters"], layers["Conv"]["kernel_size"], layers["Drop"]["rate"]) == (32, 3, 0.5)
    assert layers["Dense"]["units"] == 7
    assert layers["Reshape"]["layer"] == "Identity"
    assert spec(imported)["network"]["input"] == {"shape": [28, 28, 1]}
    assert spec(imported)["training"]["epochs"] == 10
    assert set(imported.placeholders) == {"spec.data.bucket", "spec.data.train", "spec.results.bucket"}
    for found in (
        "nb_filter is many",
        "filters of the Conv2D is missing",
        "function is MEDIAN",
        "rows must be",
        "bucket must be",
    ):
        assert any(found in line for line in imported.warnings), found


@pytest.mark.parametrize(
    ("op", "parameters", "expected"),
    [
        ("activation.elu", {"alpha": "0.5"}, {"layer": "ELU", "alpha": 0.5}),
        ("activation.leakyrelu", {"alpha": "0.1"}, {"layer": "LeakyReLU", "negative_slope": 0.1}),
        ("activation.prelu", {"init": "zero"}, {"layer": "PReLU"}),
        ("activation.tanh", {}, {"layer": "Activation", "activation": "tanh"}),
        ("activation.thresholdedrelu", {"theta": 0.5}, {"layer": "ReLU", "threshold": 0.5}),
        ("convolution.pooling2d", {**POOL, "function": "AVERAGE"}, {"layer": "AveragePooling2D", "pool_size": 2}),
        ("convolution.zeropadding2d", {"padding": [1, 2]}, {"layer": "ZeroPadding2D", "padding": [1, 2]}),
        ("core.permute", {"dims": "(2, 1, 3)"}, {"layer": "Permute", "dims": [2, 1, 3]}),
        ("core.reshape", {"target_shape": "7, 112"}, {"layer": "Reshape", "target_shape": [7, 112]}),
        ("noise.gaussiannoise", {"sigma": "0.1"}, {"layer": "GaussianNoise", "stddev": 0.1}),
        (
            "normalization.batchnormalization",
            {"mode": "0", "axis": "-1", "momentum": "0.9", "epsilon": "null"},
            {"layer": "BatchNormalization", "momentum": 0.9},
        ),
    ],
)
def test_operations(read: Importer, op: str, parameters: dict[str, Any], expected: dict[str, Any]) -> None:
    tail = [node("Flat", "core.flatten", []), node("Dense", "core.dense", [], output_dim=10)]
    imported = read(
        chain(node("It", op, [], **parameters), *tail, node("Softmax", "activation.softmax", []), loss=SOFTMAX)
    )
    layer = dict(spec(imported)["network"]["layers"][0])
    assert layer.pop("name") == "It"
    assert (layer, imported.warnings) == (expected, [])


def test_channels_first_and_the_decay_of_the_learning_rate(read: Importer) -> None:
    nodes = [
        node("Images", "input.imagedata", [], **{**DATA, "dim_ordering": "th", "channels": 3}),
        node("Flat", "core.flatten", ["Images"]),
        node("Dense", "core.dense", ["Flat"], output_dim=10),
        node("Loss", SOFTMAX, ["Dense"]),
        node("SGD", "optimizer.sgd", ["Loss"], lr="0.1", decay="0.001", momentum="0.9", nesterov="1"),
    ]
    imported = read(flow(*nodes))
    assert spec(imported)["network"]["input"] == {"shape": [3, 28, 28]}
    assert spec(imported)["network"]["layers"][0]["dims"] == [2, 3, 1]
    assert spec(imported)["training"]["optimizer"] == {
        "name": "SGD",
        "learning_rate": {
            "name": "InverseTimeDecay",
            "initial_learning_rate": 0.1,
            "decay_steps": 1,
            "decay_rate": 0.001,
        },
        "momentum": 0.9,
        "nesterov": True,
    }


@pytest.mark.parametrize(
    ("op", "parameters"),
    [
        ("recurrent.gru", {"output_dim": 4, "inner_activation": "hard_sigmoid"}),
        ("core.dense", {"output_dim": 4, "activation": "hard_sigmoid"}),
        ("activation.hardsigmoid", {}),
    ],
)
def test_a_flow_has_the_functions_of_keras_2(read: Importer, op: str, parameters: dict[str, Any]) -> None:
    tail = [node("Flat", "core.flatten", []), node("Dense", "core.dense", [], output_dim=10)]
    shape = {**DATA, "shape": [5, 3]}
    imported = read(chain(node("It", op, [], **parameters), *tail, loss=SOFTMAX, data=shape))
    assert any(line.startswith('node "It"') and "hard_sigmoid was clip(0.2x" in line for line in imported.warnings)
    first = spec(imported)["network"]["layers"][0]
    assert first.get("reset_after", True) is (op != "recurrent.gru")


CHANNELS_FIRST = node("Images", "input.imagedata", [], **{**DATA, "dim_ordering": "th", "channels": 3})


def test_the_layers_after_the_permute_have_the_channels_last(read: Importer) -> None:
    th = {"dim_ordering": "th"}
    imported = read(
        flow(
            CHANNELS_FIRST,
            node("A", "convolution.convolution2d", ["Images"], **CONV, **th),
            node("B", "convolution.convolution2d", ["Images"], **CONV, data_format="channels_first"),
            node("Norm", "normalization.batchnormalization", ["A"], axis="1"),
            node("Rows", "normalization.batchnormalization", ["B"], axis="2"),
            node("Slope", "activation.prelu", ["Rows"], shared_axes=[2, 3]),
            node("Merge", "core.merge", ["Norm", "Slope"], mode="concat", concat_axis="1"),
            node("Pool", "convolution.pooling2d", ["Merge"], **POOL, **th),
            node("Flat", "core.flatten", ["Pool"]),
            node("Norm 2", "normalization.batchnormalization", ["Flat"], axis="1"),
            node("Dense", "core.dense", ["Norm 2"], output_dim=10),
            node("Loss", SOFTMAX, ["Dense"]),
            node("SGD", "optimizer.sgd", ["Loss"], lr="0.1"),
        )
    )
    layers = {layer["name"]: layer for layer in spec(imported)["network"]["layers"]}
    assert not any("data_format" in layer for layer in layers.values())
    assert layers["Norm"] == {"layer": "BatchNormalization", "name": "Norm"}
    assert (layers["Rows"]["axis"], layers["Slope"]["shared_axes"]) == (1, [1, 2])
    assert layers["Merge"] == {"layer": "Concatenate", "name": "Merge", "inputs": ["Norm", "Slope"]}
    assert layers["Norm_2"]["axis"] == 1
    assert not any("channels" in line for line in imported.warnings)


@pytest.mark.parametrize(
    ("op", "parameters", "expected"),
    [
        ("normalization.batchnormalization", {}, "axis is -1 with the channels first: the axis of the channels is"),
        ("normalization.batchnormalization", {"axis": "7"}, "axis is 7 with the channels first"),
        ("core.reshape", {"target_shape": "-1"}, "this Reshape may compute other values"),
        ("core.dense", {"output_dim": 4}, "this Dense may compute other values"),
        ("activation.softmax", {}, "this Activation may compute other values"),
    ],
)
def test_a_layer_without_a_safe_axis_is_a_warning(
    read: Importer, op: str, parameters: dict[str, Any], expected: str
) -> None:
    tail = (
        node("Flat", "core.flatten", ["It"]),
        node("Dense", "core.dense", ["Flat"], output_dim=10),
        node("Loss", SOFTMAX, ["Dense"]),
        node("SGD", "optimizer.sgd", ["Loss"], lr="0.1"),
    )
    document = flow(CHANNELS_FIRST, node("It", op, ["Images"], **parameters), *tail)
    assert any(line.startswith('node "It"') and expected in line for line in read(document).warnings)
    with pytest.raises(EpochalError, match="--strict"):
        read(document, strict=True)


def test_equal_labels_get_numbers_and_equal_data_sets_are_left_out(read: Importer) -> None:
    first, second = node("Dense", "core.dense", ["Flat"], output_dim=5), node("B", "core.dense", [], output_dim=10)
    second["app_data"]["ui_data"]["label"] = "Dense"
    second["inputs"] = node("B", "core.dense", ["Dense"])["inputs"]
    imported = read(
        flow(
            node("Images", "input.imagedata", **{**DATA, "val_dataset": DATA["train_dataset"]}),
            node("Flat", "core.flatten", ["Images"]),
            first,
            second,
            node("Loss", SOFTMAX, ["B"]),
            node("Adam", "optimizer.adam", ["Loss"]),
        )
    )
    assert [layer["name"] for layer in spec(imported)["network"]["layers"]] == ["Flat", "Dense", "Dense_2"]
    assert "validation" not in spec(imported)["data"]
    assert "val_dataset is mnist-train.pkl, the same as train_dataset" in imported.warnings[0]


def test_a_flow_without_a_loss_or_an_optimizer_gets_suitable_ones(read: Importer) -> None:
    imported = read(
        flow(
            node("Images", "input.imagedata", **DATA),
            node("Flat", "core.flatten", ["Images"]),
            node("Dense", "core.dense", ["Flat"], output_dim=10),
            node("Softmax", "activation.softmax", ["Dense"]),
        )
    )
    assert spec(imported)["training"]["loss"] == "SparseCategoricalCrossentropy"
    assert spec(imported)["training"]["optimizer"] == "Adam"
    assert len(imported.warnings) == 2
