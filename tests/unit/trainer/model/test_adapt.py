from typing import Any

import keras
import numpy as np
import pytest
from epochal_trainer.data.samples import Samples
from epochal_trainer.model import graph
from epochal_trainer.model.adapt import adapt

from tests.unit.trainer.expect import expect_failure
from tests.unit.trainer.model.networks import build_network, network_spec

FEATURES = np.random.default_rng(0).normal(5, 3, (3000, 4)).astype("float32")
TRAIN = Samples.single(FEATURES, np.zeros(3000), "features", "labels")


def adapted(*layers: dict[str, Any]) -> tuple[keras.Model, list[str]]:
    spec = network_spec([4], *layers)
    model = build_network(spec)
    return model, adapt(model, graph.build_nodes(spec), TRAIN)


def test_adapt_normalization() -> None:
    model, names = adapted({"layer": "Rescaling", "scale": 10}, {"layer": "Normalization"})
    assert names == ["normalization_1"]
    outputs = model.predict_on_batch(FEATURES)
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(outputs.std(axis=0), 1, atol=1e-4)


def test_adapt_discretization() -> None:
    model, names = adapted({"layer": "Discretization", "num_bins": 4})
    assert names == ["discretization_0"]
    assert np.bincount(model.predict_on_batch(FEATURES).astype(int).ravel()) == pytest.approx([3000] * 4, rel=0.1)


def test_no_adapt_with_arguments() -> None:
    assert adapted({"layer": "Normalization", "mean": 0.0, "variance": 1.0})[1] == []


NORMALIZATION = {"layer": "Normalization"}
WITH_STATISTICS = {**NORMALIZATION, "mean": 5.0, "variance": 9.0}


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: {"layer": "Pipeline", "layers": [{"layer": "ReLU"}, inner]},
        lambda inner: {"layer": "TimeDistributed", "wrapped": inner},
        lambda inner: {"layer": "Pipeline", "layers": [{"layer": "TimeDistributed", "wrapped": inner}]},
        lambda inner: {"layer": "Dense", "units": 4, "activation": inner},
    ],
)
def test_adapted_layer_within_another_layer(around: Any) -> None:
    first = {"layer": "Reshape", "target_shape": [2, 2]}
    assert adapted(first, around(WITH_STATISTICS))[1] == []
    message = r"layers\[1\] .*: Normalization learns from data as a layer of spec.network.layers, not within another"
    with expect_failure("InvalidNetwork", message):
        adapted(first, around(NORMALIZATION))


def test_machine_errors_pass_through(monkeypatch: pytest.MonkeyPatch, machine_error: Exception) -> None:
    def adapt(*_: Any) -> None:
        raise machine_error

    monkeypatch.setattr(keras.layers.Normalization, "adapt", adapt)
    with pytest.raises(type(machine_error), match="broken"):
        adapted(NORMALIZATION)
