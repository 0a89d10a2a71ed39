"""The first layer of a template that differs between trials."""

import pytest
from epochal_api.experiment.searched_layers import first_searched_layer

TEMPLATE = {
    "network": {
        "input": {"shape": [8, 8, 1]},
        "layers": [
            {"layer": "Conv2D", "filters": 8, "kernel_size": 3},
            {"layer": "Flatten"},
            {"layer": "Dense", "name": "dense", "units": 10, "kernel_initializer": {"name": "HeNormal", "seed": 1}},
        ],
    },
    "training": {"optimizer": "Adam", "loss": "mse"},
}


@pytest.mark.parametrize(
    ("searched", "layer"),
    [
        ([], None),
        (["training.optimizer.learning_rate", "training.batchSize"], None),
        (["network.layers[dense].units", "training.loss"], 2),
        (["network.layers[2].units", "network.layers[0].filters"], 0),
        (["network.layers[dense].kernel_initializer.seed"], 2),
        (["network.layers[dense].layer"], 2),
        (["network.layers[dense].inputs"], 0),
        (["network.layers[dense].name"], 0),
        (["network.layers[dense]"], 0),
        (["network.input.shape[0]"], 0),
        (["training.precision"], 0),
        (["network.layers[gone].units", "network.layers[2].units"], 2),
    ],
)
def test_first_searched_layer(searched: list[str], layer: int | None) -> None:
    assert first_searched_layer(TEMPLATE, searched) == layer
