from typing import Any

from epochal_trainer.model.graph import MAX_WIDTH, build_nodes, layer_table

from tests.unit.trainer.model.networks import build_network, network_spec


def table_lines(*layers: dict[str, Any]) -> list[str]:
    spec = network_spec([8, 8, 1], *layers)
    return layer_table(build_network(spec), build_nodes(spec)).splitlines()


def test_layer_table() -> None:
    assert table_lines({"layer": "Flatten"}, {"layer": "Dense", "units": 1000}) == [
        "layer      class    output  parameters",
        "input               8×8×1",
        "flatten_0  Flatten  64               0",
        "dense_1    Dense    1000        65,000",
        "65,000 parameters, 65,000 of them trainable; 260.0 kB",
    ]


def test_layer_table_of_a_model_that_the_spec_does_not_describe() -> None:
    spec = network_spec([8, 8, 1], {"layer": "Flatten"}, {"layer": "Dense", "units": 1000})
    model = build_network(spec)
    assert layer_table(model, []) == layer_table(model, build_nodes(spec))


def test_layer_table_shows_inputs_of_a_graph() -> None:
    lines = table_lines({"layer": "ReLU", "name": "a"}, {"layer": "Add", "inputs": ["a", "input"]})
    assert lines[-2].endswith("a, input")


def test_layer_table_width() -> None:
    lines = table_lines({"layer": "ReLU", "name": "long" * 30}, {"layer": "Add", "inputs": ["long" * 30, "input"]})
    assert max(map(len, lines)) == MAX_WIDTH
