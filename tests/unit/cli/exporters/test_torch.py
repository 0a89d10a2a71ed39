"""The files of the target torch: valid code for any names, and errors that name layer, argument and targets."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from epochal.errors import EpochalError
from epochal.exporters import export as export_to
from epochal.exporters.torch import export
from epochal.exporters.torch.identifiers import identifiers
from epochal.exporters.torch.layers import LAYERS
from epochal_api.documents import read_documents
from epochal_api.trainingjob.spec import InvalidTrainingJob, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.torch_networks import TRAININGS, all_networks, job

EXAMPLES = Path(__file__).parents[4] / "manifests" / "examples"
NETWORKS = all_networks()
NAMES = st.text("abcXYZ019_.\\>-", min_size=1, max_size=12)


def files(network: dict[str, Any], **training: Any) -> dict[str, str]:
    return {name: content.decode() for name, content in export(parse(job(network, **training))).items()}


def one_layer(**layer: Any) -> dict[str, Any]:
    return {"input": {"shape": [8, 8, 2]}, "layers": [layer]}


def layers_of(spec: Any) -> set[str]:
    if isinstance(spec, list):
        return set().union(*map(layers_of, spec))
    if not isinstance(spec, dict):
        return set()
    own = {spec["layer"]} if isinstance(spec.get("layer"), str) else set()
    return own | set().union(*map(layers_of, spec.values()))


def test_each_layer_with_a_counterpart_is_in_a_network_that_runs() -> None:
    assert set(LAYERS) - layers_of(list(NETWORKS.values())) == set()


def test_the_code_is_formatted_as_ruff_formats_it(tmp_path: Path) -> None:
    for name, network in NETWORKS.items():
        (tmp_path / name).mkdir()
        for file, text in files(network, **TRAININGS.get(name, {})).items():
            ast.parse(text, file)
            (tmp_path / name / file).write_text(text)
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--isolated", "--no-cache", "--line-length", "88"]
    found = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60)
    assert found.stdout == ""
    assert found.returncode == 0


def test_an_array_of_an_input_is_neither_labels_nor_weights() -> None:
    def network(name: str) -> dict[str, Any]:
        layers = [{"layer": "Concatenate", "inputs": [name, "other"]}, {"layer": "Dense", "name": "out", "units": 1}]
        return {"inputs": [{"name": name, "shape": [2]}, {"name": "other", "shape": [2]}], "layers": layers}

    assert 'OUTPUTS = [["out", "labels"]]' in files(network("y"))["train.py"]
    assert 'OUTPUTS = [["out", "y", "labels"]]' in files(network("some"))["train.py"]
    with pytest.raises(EpochalError, match=r"spec\.network: train.py reads the array sample_weight as weights"):
        files(network("sample_weight"))


def test_the_code_that_a_person_would_write() -> None:
    document = next(read_documents((EXAMPLES / "mnist.yaml").read_text()))
    model = export(parse(document.value))["model.py"].decode()
    assert "        self.conv2d_1 = nn.Conv2d(1, 32, 3)\n" in model
    assert "        x = self.conv2d_1(x.movedim(-1, 1))\n" in model
    assert "        x = torch.softmax(self.dense_14(x), dim=-1)\n        return x\n" in model


def test_the_registry_has_the_target() -> None:
    document = next(read_documents((EXAMPLES / "mnist.yaml").read_text()))
    assert set(export_to(parse(document.value), "torch")) == {"model.py", "train.py", "convert.py"}


def test_the_export_imports_neither_keras_nor_numpy() -> None:
    code = "import sys, epochal.exporters.torch; print({'keras', 'numpy', 'torch', 'tensorflow'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"layer": "ConvLSTM2D", "filters": 2, "kernel_size": 3}, "ConvLSTM2D has no counterpart"),
        ({"layer": "RandomFlip"}, "RandomFlip has no counterpart"),
        (
            {"layer": "Conv2D", "filters": 2, "kernel_size": 3, "data_format": "channels_first"},
            "data_format: 'channels_first' of Conv2D has no counterpart",
        ),
        ({"layer": "Dense", "units": 2, "activation": "sparsemax"}, "activation: 'sparsemax' of Dense"),
        ({"layer": "Dense", "units": 2, "kernel_constraint": "non_neg"}, "kernel_constraint of Dense"),
        ({"layer": "Dense", "units": 2, "activity_regularizer": "l2"}, "activity_regularizer: 'l2' of Dense"),
        ({"layer": "Dense", "units": 2, "lora_rank": 2}, "lora_rank: 2 of Dense"),
        ({"layer": "Dense", "units": 2, "dtype": "float16"}, "dtype: 'float16' of Dense"),
        ({"layer": "Dense", "units": 2, "kernel_regularizer": "orthogonal"}, "kernel_regularizer: 'orthogonal'"),
    ],
)
def test_a_layer_or_argument_without_a_counterpart(layer: dict[str, Any], message: str) -> None:
    with pytest.raises(EpochalError) as error:
        files(one_layer(**layer))
    assert message in error.value.message
    assert layer["layer"] in error.value.message or "layer 'dense_0'" in error.value.message
    assert error.value.remedy == "The targets keras, notebook, onnx have a counterpart."


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"layer": "Conv2D", "filters": 2, "kernel_size": 9}, "the output of the layer would have the shape [0, 0, 2]"),
        ({"layer": "Conv1D", "filters": 2, "kernel_size": 2}, "the input of the layer must have 1 axes and channels"),
        ({"layer": "Conv2D", "filters": "2", "kernel_size": 2}, "filters must be an integer from 1, found '2'"),
        ({"layer": "Conv2D", "filters": 2, "kernel_size": [1, 2, 3]}, "kernel_size must be an integer or 2 integers"),
        ({"layer": "Reshape", "target_shape": [5]}, "target_shape must have 128 elements"),
        ({"layer": "Permute", "dims": [1, 1, 2]}, "dims must have each axis from 1 to 3 once"),
        ({"layer": "Softmax", "axis": 0}, "axis must be an axis of its input except the batch axis"),
        ({"layer": "Add"}, "the layer needs at least two inputs to merge, found 1"),
        ({"layer": "Dropout", "rate": 2}, "rate must be from 0 to 1"),
        ({"layer": "TimeDistributed", "wrapped": "Dense"}, "wrapped must be a layer"),
    ],
)
def test_a_layer_that_keras_refuses(layer: dict[str, Any], message: str) -> None:
    with pytest.raises(EpochalError) as error:
        files(one_layer(**layer))
    assert message in error.value.message
    assert "spec.network.layers[0]" in error.value.message


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"optimizer": "Lion"}, "spec.training.optimizer: Lion has no counterpart"),
        ({"optimizer": {"name": "SGD", "weight_decay": 0.1}}, "weight_decay: 0.1 of SGD"),
        ({"optimizer": {"name": "Adam", "use_ema": True}}, "use_ema: True of Adam"),
        ({"loss": "Dice"}, "spec.training.loss: Dice has no counterpart"),
        ({"loss": {"name": "SparseCategoricalCrossentropy", "ignore_class": 1}}, "ignore_class: 1"),
        ({"precision": "mixed_float16"}, "spec.training.precision: mixed_float16"),
        ({"callbacks": [{"callback": "SwapEMAWeights"}]}, "spec.training.callbacks[0]: SwapEMAWeights"),
        ({"callbacks": [{"callback": "EarlyStopping"}]}, "one of loss, found 'val_loss'"),
    ],
)
def test_a_setting_of_the_training_without_a_counterpart(training: dict[str, Any], message: str) -> None:
    with pytest.raises(EpochalError) as error:
        files({"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 2}]}, **training)
    assert message in error.value.message


@pytest.mark.parametrize(
    ("wrapper", "wrapped"),
    [
        ("TimeDistributed", {"layer": "Dense", "units": 4}),
        ("TimeDistributed", {"layer": "BatchNormalization", "scale": False}),
        ("Bidirectional", {"layer": "LSTM", "units": 4}),
    ],
)
def test_a_frozen_layer_in_a_wrapper_is_not_trained(wrapper: str, wrapped: dict[str, Any]) -> None:
    def model(**arguments: Any) -> str:
        layer = {"layer": wrapper, "name": "steps", **arguments}
        return files({"input": {"shape": [8, 2]}, "layers": [layer]})["model.py"]

    freeze, keep = "        self.steps.requires_grad_(False)\n", "        self.steps.eval()\n"
    assert freeze not in model(wrapped=wrapped)
    assert freeze in model(wrapped=wrapped, trainable=False)
    frozen = model(wrapped={**wrapped, "trainable": False, "name": "inner"})
    assert freeze in frozen
    assert (keep in frozen) == (wrapped["layer"] == "BatchNormalization")


@pytest.mark.parametrize(
    ("dtype", "layer", "line"),
    [
        ("float64", {"layer": "Dense", "units": 2}, "x = x.float()"),
        ("float16", {"layer": "Flatten"}, "x = x.float()"),
        ("uint8", {"layer": "Dense", "units": 2}, "x = self.dense_0(x.float())"),
        (
            "uint8",
            {"layer": "TimeDistributed", "wrapped": {"layer": "Rescaling", "scale": 0.5}},
            "x.flatten(0, 1).float() * 0.5",
        ),
        ("int32", {"layer": "Embedding", "input_dim": 9, "output_dim": 2}, "x = self.embedding_0(x.long())"),
        ("int64", {"layer": "Flatten"}, "x = x.flatten(1)"),
        ("bool", {"layer": "Bidirectional", "wrapped": {"layer": "GRU", "units": 2}}, "(x.float())"),
    ],
)
def test_an_input_has_the_type_in_which_keras_computes(dtype: str, layer: dict[str, Any], line: str) -> None:
    assert line in files({"input": {"shape": [8, 2], "dtype": dtype}, "layers": [layer]})["model.py"]


def test_integers_stay_integers_through_layers_that_move_them() -> None:
    layers = [{"layer": "Flatten"}, {"layer": "RepeatVector", "n": 3}, {"layer": "Flatten"}]
    network = {"input": {"shape": [8, 2], "dtype": "uint8"}, "layers": [*layers, {"layer": "Dense", "units": 2}]}
    model = files(network)["model.py"]
    assert model.count(".float()") == model.count("self.dense_3(x.float())") == 1


@pytest.mark.parametrize(
    "layers",
    [
        [{"layer": "MaxPooling1D"}],
        [{"layer": "Flatten"}, {"layer": "Activation", "activation": "relu"}],
        [{"layer": "TimeDistributed", "wrapped": {"layer": "LayerNormalization"}}],
        [{"layer": "Conv1D", "filters": 2, "kernel_size": 2}],
    ],
)
def test_a_layer_that_cannot_compute_with_integers(layers: list[dict[str, Any]]) -> None:
    with pytest.raises(EpochalError) as error:
        files({"input": {"shape": [8, 2], "dtype": "uint8"}, "layers": layers})
    last = layers[-1].get("wrapped", layers[-1])["layer"]
    assert f"{last} takes the type uint8 from an input of spec.network" in error.value.message
    assert error.value.remedy == "Write dtype: float32 for the input, or put a Rescaling layer before this layer."


def test_a_layer_learns_from_integers_as_floats() -> None:
    network = {"input": {"shape": [4], "dtype": "uint8"}, "layers": [{"layer": "Normalization"}]}
    code = "    network.normalization_0.adapt(samples[0][0].to(DEVICE, DTYPES[0]).float())\n"
    assert code in files(network)["train.py"]


def test_a_layer_that_learns_from_the_output_of_another_layer() -> None:
    layers = [{"layer": "ReLU"}, {"layer": "Normalization"}]
    with pytest.raises(EpochalError, match="'normalization_1': Normalization learns from the output of another layer"):
        files({"input": {"shape": [4]}, "layers": layers})


@pytest.mark.parametrize("callback", ["EarlyStopping", "ReduceLROnPlateau"])
def test_the_sign_of_min_delta_has_no_effect(callback: str) -> None:
    def script(min_delta: float) -> str:
        callbacks = [{"callback": callback, "monitor": "loss", "min_delta": min_delta}]
        network = {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 2}]}
        return files(network, callbacks=callbacks)["train.py"]

    assert "min_delta=0.5" in script(-0.5)
    assert script(-0.5) == script(0.5)


def starting(**fields: Any) -> str:
    weights = {"weights": fields.pop("weights")} if "weights" in fields else {}
    return files({"input": {"shape": [4]}, **weights, "layers": [{"layer": "Dense", "units": 2}]}, **fields)["train.py"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"continueFrom": {"name": "other"}}, "spec.training.continueFrom: a checkpoint has the state"),
        ({"weights": {"uri": "s3://models/a.weights.h5"}}, "spec.network.weights.uri: convert.py reads a .keras file"),
        (
            {"weights": {"uri": "s3://models/a.keras", "layers": ["d*"]}},
            "spec.network.weights.layers: convert.py converts",
        ),
    ],
)
def test_a_start_that_the_script_cannot_repeat(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(EpochalError) as error:
        starting(**fields)
    assert f"cannot export to torch: {message}" in error.value.message
    assert error.value.remedy


def test_a_training_with_initial_weights_starts_with_weights_only() -> None:
    required = 'parser.add_argument("--weights", required=True,'
    script = starting(weights={"uri": "s3://models/a.keras"})
    assert required in script
    assert "spec.network.weights with convert.py" in script
    assert required not in starting()


@given(st.lists(NAMES, min_size=3, max_size=3, unique=True))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_names_never_become_code(names: list[str]) -> None:
    network = {
        "inputs": [{"name": "left", "shape": [3]}, {"name": "forward", "shape": [3]}],
        "layers": [
            {"layer": "Dense", "units": 3, "name": f"L{names[0]}", "inputs": ["left"]},
            {"layer": "Dense", "units": 3, "name": f"L{names[1]}", "inputs": ["forward"]},
            {"layer": "Add", "name": f"L{names[2]}", "inputs": [f"L{names[0]}", f"L{names[1]}"]},
        ],
    }
    texts = files(network)
    for text in texts.values():
        ast.parse(text)
    strings = {node.value for node in ast.walk(ast.parse(texts["convert.py"])) if isinstance(node, ast.Constant)}
    assert {f"L{names[0]}", f"L{names[1]}"} <= strings


@given(st.lists(NAMES, max_size=30))
def test_identifiers_are_unique_names(names: list[str]) -> None:
    found = identifiers(names)
    assert len(set(found)) == len(names)
    assert all(name.isidentifier() and not hasattr(ast, name) for name in found if name != "x")


@given(st.text(min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_texts_of_the_spec_are_literals(text: str) -> None:
    data = {"bucket": "data", "train": {"object": f"a{text}"}}
    document = job({"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": 2}]})
    document["spec"]["data"] = data
    try:
        parsed = parse(document)
    except InvalidTrainingJob:
        return
    script = ast.parse(export(parsed)["train.py"])
    assert f"a{text}" in {node.value for node in ast.walk(script) if isinstance(node, ast.Constant)}
