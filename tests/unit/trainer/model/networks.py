"""Networks for tests."""

from typing import Any

import keras
from epochal_api.trainingjob.network import Network
from epochal_trainer.model import network


def network_spec(shape: list[int], *layers: dict[str, Any], dtype: str = "float32") -> Network:
    return Network.model_validate({"input": {"shape": shape, "dtype": dtype}, "layers": list(layers)})


def build_network(spec: Network, **options: Any) -> keras.Model:
    return network.build(spec, **{"seed": 1, "memory": 1 << 30, **options})
