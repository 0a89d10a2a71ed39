"""The files of the target caffe: valid text for any names, and errors that name the layer and the targets."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from epochal.errors import EpochalError
from epochal.exporters import export as export_to
from epochal.exporters.caffe import export
from epochal.exporters.caffe.layers import LAYERS
from epochal.exporters.caffe.network import write_network
from epochal.exporters.caffe.prototxt import quote
from epochal.exporters.tensors import Tensor
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.spec import parse
from google.protobuf import text_format, wrappers_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.caffe_networks import NETWORKS
from tests.kit.torch_networks import job
from tests.unit.cli.exporters.test_torch import layers_of


def files(network: dict[str, Any]) -> dict[str, str]:
    return {name: content.decode() for name, content in export(parse(job(network))).items()}


def one_layer(**layer: Any) -> dict[str, Any]:
    return {"input": {"shape": [8, 9, 2]}, "layers": [layer]}


def test_each_layer_with_a_counterpart_is_in_a_network_that_runs() -> None:
    assert set(LAYERS) - layers_of(list(NETWORKS.values())) == set()


def test_the_registry_has_the_target() -> None:
    assert set(export_to(parse(job(NETWORKS["digits"])), "caffe")) == {"deploy.prototxt", "convert.py"}


def test_the_code_is_formatted_as_ruff_formats_it(tmp_path: Path) -> None:
    for name, network in NETWORKS.items():
        ast.parse(files(network)["convert.py"])
        (tmp_path / f"{name}.py").write_text(files(network)["convert.py"])
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--isolated", "--no-cache", "--line-length", "88"]
    found = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60)
    assert (found.stdout, found.returncode) == ("", 0)


def test_a_layer_of_caffe_has_the_name_of_the_spec() -> None:
    text = files(one_layer(layer="Conv2D", name="a\\b", filters=2, kernel_size=3, activation="relu"))["deploy.prototxt"]
    assert '  name: "a\\\\b"\n  type: "Convolution"\n  bottom: "input"\n' in text
    assert '# The outputs are those of the layers "a\\\\b/relu".\n' in text


def test_flat_parts_beside_each_other_are_one() -> None:
    def dense(name: str, units: int) -> dict[str, Any]:
        return {"layer": "Dense", "name": name, "units": units, "inputs": ["input"]}

    layers = [
        dense("a", 3),
        dense("b", 3),
        dense("c", 6),
        {"layer": "Concatenate", "name": "ab", "inputs": ["a", "b"]},
        {"layer": "Add", "inputs": ["ab", "c"]},
    ]
    assert 'type: "Eltwise"' in files({"input": {"shape": [4]}, "layers": layers})["deploy.prototxt"]


def test_a_chain_of_concatenations_takes_little_memory() -> None:
    layers: list[dict[str, Any]] = [{"layer": "Identity", "name": "x0", "inputs": ["input"]}]
    layers += [{"layer": "Concatenate", "name": f"x{index}", "inputs": [f"x{index - 1}"] * 2} for index in range(1, 21)]
    network, _ = write_network(Network.model_validate({"input": {"shape": [1]}, "layers": layers}))
    assert len(network.segments(Tensor("x20", (2**20,)))) == 1


def test_a_chain_of_concatenations_of_images_ends_at_a_limit() -> None:
    layers: list[dict[str, Any]] = [{"layer": "Flatten", "name": "x0"}]
    layers += [{"layer": "Concatenate", "name": f"x{index}", "inputs": [f"x{index - 1}"] * 2} for index in range(1, 17)]
    with pytest.raises(EpochalError) as error:
        files({"input": {"shape": [2, 2, 2]}, "layers": [*layers, {"layer": "Dense", "units": 1}]})
    assert "(Concatenate, 'x10'): more than 1,000 flattened images of Concatenate" in error.value.message  # 2**10


def test_pooling_reads_no_more_than_in_keras() -> None:
    text = files(one_layer(layer="MaxPooling2D", pool_size=2))["deploy.prototxt"]
    assert "slice_param { axis: 3 slice_point: 8 }" in text
    assert "slice_param { axis: 2" not in text


@pytest.mark.parametrize(
    ("layer", "message", "targets"),
    [
        ({"layer": "LSTM", "units": 2}, "LSTM has no counterpart", "keras, notebook, onnx, torch"),
        ({"layer": "RandomFlip"}, "RandomFlip has no counterpart", "keras, notebook, onnx"),
        (
            {"layer": "MaxPooling2D", "pool_size": 3, "strides": 1, "padding": "same"},
            "padding: same with elements before the image of MaxPooling2D",
            "keras, notebook, onnx",
        ),
        ({"layer": "Dense", "units": 2}, "an input of the shape [8, 9, 2] of Dense", "keras, notebook, onnx"),
        ({"layer": "ReLU", "max_value": 6}, "max_value: 6 of ReLU", "keras, notebook, onnx"),
        ({"layer": "Flatten"}, "an output of Flatten, whose order differs,", "keras, notebook, onnx"),
    ],
)
def test_a_layer_or_argument_without_a_counterpart(layer: dict[str, Any], message: str, targets: str) -> None:
    with pytest.raises(EpochalError) as error:
        files(one_layer(**layer))
    assert error.value.message.startswith("cannot export to caffe: spec.network")
    assert message in error.value.message
    assert error.value.remedy == f"The targets {targets} have a counterpart."


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_a_string_of_the_text_format(text: str) -> None:
    message = text_format.Parse(f"value: {quote(text)}", wrappers_pb2.StringValue())
    assert message.value == text
