"""The symbolic build reports every layer, and takes unchanged layers from the sketch of an earlier version."""

from typing import Any

import keras
import pytest
from epochal_api.trainingjob.network import Network
from epochal_trainer.model import sketch as sketches
from epochal_trainer.model.sketch import LayerReport, sketch

from tests.unit.trainer.model.networks import build_network, network_spec

LAYERS: list[dict[str, Any]] = [
    {"layer": "Conv2D", "name": "conv", "filters": 2, "kernel_size": 3},
    {"layer": "Flatten", "name": "flat"},
    {"layer": "Dense", "name": "dense", "units": 4},
]


def two_inputs(*layers: dict[str, Any], outputs: list[str] | None = None) -> Network:
    inputs = [{"name": "image", "shape": [8, 8, 1]}, {"name": "note", "shape": [-1], "dtype": "int32"}]
    return Network.model_validate({"inputs": inputs, "layers": list(layers), "outputs": outputs})


def test_report_of_each_layer() -> None:
    spec = network_spec([8, 8, 1], *LAYERS)
    found = sketch(spec)
    assert found.all_errors == []
    assert found.layers[0] == LayerReport(0, "conv", "Conv2D", ((None, 6, 6, 2),), 20)
    assert sum(layer.parameters or 0 for layer in found.layers) == build_network(spec).count_params()


def test_axes_of_any_length_and_several_outputs() -> None:
    found = sketch(
        two_inputs(
            {**LAYERS[0], "inputs": ["image"]},
            {"use": "conv", "name": "again", "inputs": ["image"]},
            {"layer": "Embedding", "name": "words", "input_dim": 9, "output_dim": 3, "inputs": ["note"]},
            {"layer": "LSTM", "name": "lstm", "units": 2, "return_state": True, "return_sequences": True},
            outputs=["conv", "again", "lstm:1"],
        )
    )
    assert found.all_errors == []
    assert [layer.shapes for layer in found.layers[2:]] == [
        ((None, None, 3),),
        ((None, None, 2), (None, 2), (None, 2)),
    ]
    assert [layer.parameters for layer in found.layers] == [20, 0, 27, 48]


def test_all_errors_are_found() -> None:
    found = sketch(
        two_inputs(
            {**LAYERS[0], "kernel_size": 9, "inputs": ["image"]},
            {"layer": "Flatten", "name": "after"},
            {"use": "conv", "name": "again", "inputs": ["image"]},
            {"layer": "Dense", "unit": 4, "name": "typo", "inputs": ["image"]},
            {"layer": "Embedding", "name": "words", "input_dim": 9, "output_dim": 3, "inputs": ["note"]},
            {"layer": "LSTM", "name": "lstm", "units": 2, "return_state": True},
            {"layer": "Dense", "name": "taken", "units": 2},
            outputs=["after", "again", "typo", "lstm"],
        )
    )
    errors = found.all_errors
    assert [layer.name for layer in found.layers if layer.error] == ["conv", "typo", "taken"]
    assert [layer.name for layer in found.layers if layer.shapes is None] == ["conv", "after", "again", "typo", "taken"]
    assert any(error.startswith("spec.network.layers[0] (Conv2D, 'conv') got (None, 8, 8, 1): ") for error in errors)
    assert any("Dense has no argument 'unit'; did you mean units?" in error for error in errors)
    taken = "layers[6] (Dense, 'taken'): inputs: found lstm, but spec.network.layers[5] (LSTM, 'lstm') has 3 outputs"
    assert any(f"{taken}, lstm:0 to lstm:2: select one, as in NAME:0" in error for error in errors)
    assert any(error.startswith("spec.network.outputs: found lstm, but ") for error in errors)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (network_spec([4], {"layer": "ReLU"}, dtype="float99"), "spec.network.input: "),
        (two_inputs({"layer": "Flatten", "inputs": ["image"]}), "spec.network.inputs[1]: no layer takes this input"),
        (
            network_spec([4], {"layer": "ReLU"}, {"layer": "Dense", "units": 1, "inputs": ["input"]}),
            "spec.network.layers[0] (ReLU, 're_lu_0'): no layer takes its output, and it is not the last layer",
        ),
    ],
)
def test_errors_of_the_graph(spec: Network, message: str) -> None:
    assert sketch(spec).all_errors[0].startswith(message)


def test_each_sketch_gives_the_same_messages() -> None:
    dense = {"layer": "Dense", "units": 2}
    conv = {"layer": "Conv2D", "filters": 2, "kernel_size": 2}
    layers: list[dict[str, Any]] = [
        {**dense, "name": "a"},
        {**dense, "inputs": ["a", "a"]},
        {"layer": "Pipeline", "layers": [dense, conv], "inputs": ["a"]},
        {"layer": "TimeDistributed", "wrapped": {"layer": "LSTM", "units": 2}, "inputs": ["a"]},
        {"layer": "RNN", "cell": dense, "inputs": ["a"]},
        {"layer": "Bidirectional", "wrapped": dense, "inputs": ["a"]},
    ]
    spec = network_spec([4, 3], *layers)
    first = sketch(spec)
    assert [layer.error is None for layer in first.layers] == [True, *[False] * 5]
    assert sketch(spec).layers == first.layers
    edited = sketch(network_spec([4, 3], *layers[:2], {"layer": "ReLU", "inputs": ["a"]}), previous=first)
    again = sketch(spec, previous=edited)
    assert (again.layers, again.reused) == (first.layers, 2)


def test_a_layer_of_any_size_needs_no_memory() -> None:
    found = sketch(network_spec([10**6], {"layer": "Dense", "units": 10**6, "use_bias": False}))
    assert found.layers[0].parameters == 10**12


def test_unchanged_layers_are_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sketch(network_spec([8, 8, 1], *LAYERS))
    built: list[str] = []
    real = keras.layers.Layer.__init__

    def count(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> None:
        built.append(type(layer).__name__)
        real(layer, *args, **kwargs)

    monkeypatch.setattr(keras.layers.Layer, "__init__", count)
    changed = network_spec([8, 8, 1], *LAYERS[:2], {**LAYERS[2], "units": 1}, {"layer": "ReLU"})
    after = sketch(changed, previous=before)
    assert built == ["InputLayer", "Dense", "ReLU"]
    assert after == sketches.Sketch(sketch(changed).layers, [], after.built, reused=2)
    assert [layer.shapes for layer in before.layers] == [
        layer.shapes for layer in sketch(network_spec([8, 8, 1], *LAYERS)).layers
    ]


@pytest.mark.parametrize(
    "changed",
    [
        network_spec([9, 9, 1], *LAYERS),
        network_spec([8, 8, 1], {**LAYERS[0], "filters": 3}, *LAYERS[1:]),
        network_spec([8, 8, 1], {**LAYERS[0], "use_bias": False}, *LAYERS[1:]),
        network_spec([8, 8, 1], {**LAYERS[0], "use_bias": 1}, *LAYERS[1:]),
        network_spec([8, 8, 1], *LAYERS[:2]),
        network_spec([8, 8, 1], LAYERS[0], {**LAYERS[1], "name": "other"}, LAYERS[2]),
        network_spec([8, 8, 1], {**LAYERS[0], "kernel_size": 9}, *LAYERS[1:]),
    ],
)
def test_a_changed_layer_is_built_again(changed: Network) -> None:
    before = sketch(network_spec([8, 8, 1], *LAYERS))
    again = sketch(changed, previous=before)
    assert (again.layers, again.errors) == (sketch(changed).layers, sketch(changed).errors)
    back = sketch(network_spec([8, 8, 1], *LAYERS), previous=again)
    assert back.layers == before.layers


def test_reuse_has_a_bound() -> None:
    found = sketch(network_spec([8, 8, 1], *LAYERS))
    for _ in range(sketches._MAX_REUSES + 1):
        first = found.built
        found = sketch(network_spec([8, 8, 1], *LAYERS), previous=found)
    assert first is not None
    assert found.built is not None
    assert (first.reuses, found.built.reuses) == (sketches._MAX_REUSES, 0)
