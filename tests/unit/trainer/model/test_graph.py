from typing import Any

from epochal_api.trainingjob.network import Network
from epochal_trainer.model import graph, network
from epochal_trainer.model.graph import WIDTH, table


def written(*layers: dict[str, Any]) -> list[str]:
    described = Network.model_validate({"input": {"shape": [8, 8, 1]}, "layers": list(layers)})
    return table(network.build(described, seed=1, memory=1 << 30), graph.nodes_of(described)).splitlines()


def test_a_list_has_a_line_per_layer() -> None:
    assert written({"layer": "Flatten"}, {"layer": "Dense", "units": 1000}) == [
        "layer      class    gives  parameters",
        "input               8×8×1",
        "flatten_0  Flatten  64              0",
        "dense_1    Dense    1000       65,000",
        "65,000 parameters, 65,000 of them trainable; 260.0 kB",
    ]


def test_a_graph_shows_what_layers_take() -> None:
    lines = written({"layer": "ReLU", "name": "a"}, {"layer": "Add", "inputs": ["a", "input"]})
    assert lines[-2].endswith("a, input")


def test_no_line_is_too_long() -> None:
    lines = written({"layer": "ReLU", "name": "long" * 30}, {"layer": "Add", "inputs": ["long" * 30, "input"]})
    assert max(map(len, lines)) == WIDTH
