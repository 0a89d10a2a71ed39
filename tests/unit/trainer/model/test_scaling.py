from typing import Any

import pytest
from epochal_trainer.model.graph import build_nodes
from epochal_trainer.model.scaling import scales_input, takes_indices

from tests.unit.trainer.model.networks import network_spec

DENSE = {"layer": "Dense", "units": 3}
EMBEDDING = {"layer": "Embedding", "input_dim": 10, "output_dim": 2}
FLAT = {"layer": "Flatten"}
SCALE = {"layer": "Rescaling", "scale": 0.1}
NORMALIZATION = {"layer": "Normalization"}
BRANCHES: list[dict[str, Any]] = [
    {**DENSE, "name": "dense"},
    {**NORMALIZATION, "name": "scaled", "inputs": ["input"]},
    {"layer": "Concatenate", "inputs": ["dense", "scaled"]},
]


@pytest.mark.parametrize(
    ("layers", "scales", "looks_up"),
    [
        ([DENSE], False, False),
        ([SCALE, DENSE], True, False),
        ([NORMALIZATION, DENSE], True, False),
        ([{"layer": "BatchNormalization"}, DENSE], True, False),
        ([{"layer": "Discretization", "num_bins": 4}, DENSE], True, False),
        ([{"layer": "LayerNormalization"}, DENSE], False, False),
        ([FLAT, NORMALIZATION, DENSE], True, False),
        ([DENSE, {"layer": "BatchNormalization"}, DENSE], False, False),
        ([{"layer": "Pipeline", "layers": [FLAT, NORMALIZATION]}, DENSE], True, False),
        (BRANCHES, True, False),
        ([EMBEDDING, FLAT, DENSE], False, True),
        ([{"layer": "Hashing", "num_bins": 9}, DENSE], False, True),
    ],
    ids=str,
)
def test_first_layers(layers: list[dict[str, Any]], *, scales: bool, looks_up: bool) -> None:
    nodes = build_nodes(network_spec([6], *layers))
    assert (scales_input(nodes), takes_indices(nodes)) == (scales, looks_up)
