from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Network
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import graph, network
from epochal_trainer.model.adapt import adapt

FEATURES = np.random.default_rng(0).normal(5, 3, (3000, 4)).astype("float32")
TRAIN = Samples(FEATURES, np.zeros(3000), "features", "labels")


def adapted(*layers: dict[str, Any]) -> tuple[keras.Model, list[str]]:
    described = Network.model_validate({"input": {"shape": [4]}, "layers": list(layers)})
    model = network.build(described, seed=1, memory=1 << 30)
    return model, adapt(model, graph.nodes_of(described), TRAIN)


def test_normalization_learns_from_what_reaches_it() -> None:
    model, names = adapted({"layer": "Rescaling", "scale": 10}, {"layer": "Normalization"})
    assert names == ["normalization_1"]
    outputs = model.predict_on_batch(FEATURES)
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(outputs.std(axis=0), 1, atol=1e-4)


def test_discretization_learns_its_boundaries() -> None:
    model, names = adapted({"layer": "Discretization", "num_bins": 4})
    assert names == ["discretization_0"]
    assert np.bincount(model.predict_on_batch(FEATURES).astype(int).ravel()) == pytest.approx([3000] * 4, rel=0.1)


def test_what_is_given_is_not_learned() -> None:
    assert adapted({"layer": "Normalization", "mean": 0.0, "variance": 1.0})[1] == []


NORMALIZATION = {"layer": "Normalization"}
GIVEN = {**NORMALIZATION, "mean": 5.0, "variance": 9.0}


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: {"layer": "Pipeline", "layers": [{"layer": "ReLU"}, inner]},
        lambda inner: {"layer": "TimeDistributed", "wrapped": inner},
        lambda inner: {"layer": "Pipeline", "layers": [{"layer": "TimeDistributed", "wrapped": inner}]},
        lambda inner: {"layer": "Dense", "units": 4, "activation": inner},
    ],
)
def test_within_another_layer_nothing_is_learned_in_silence(around: Any) -> None:
    first = {"layer": "Reshape", "target_shape": [2, 2]}
    assert adapted(first, around(GIVEN))[1] == []
    words = (
        r"layers\[1\] .*: Normalization learns from data as a layer of spec.network.layers, not within another one: "
    )
    with pytest.raises(Failure, match=words) as caught:
        adapted(first, around(NORMALIZATION))
    assert caught.value.reason == "InvalidNetwork"


def test_a_fault_of_the_machine_is_none_of_the_data(monkeypatch: pytest.MonkeyPatch, machine_fault: Exception) -> None:
    def adapt(*_: Any) -> None:
        raise machine_fault

    monkeypatch.setattr(keras.layers.Normalization, "adapt", adapt)
    with pytest.raises(type(machine_fault), match="broken"):
        adapted(NORMALIZATION)
