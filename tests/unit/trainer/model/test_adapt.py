from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.training import Training
from epochal_trainer.data.samples import Samples
from epochal_trainer.model import graph
from epochal_trainer.model.adapt import adapt

from tests.unit.trainer.expect import expect_failure
from tests.unit.trainer.model.networks import build_network, network_spec

FEATURES = np.random.default_rng(0).normal(5, 3, (3000, 4)).astype("float32")
TRAIN = Samples.single(FEATURES, np.zeros(3000), "features", "labels")


def adapted(*layers: dict[str, Any], precision: str = "float32") -> tuple[keras.Model, list[str]]:
    spec = network_spec([4], *layers)
    model = build_network(spec, training=Training.model_validate({"loss": "mse", "precision": precision}))
    return model, adapt(model, graph.build_nodes(spec), TRAIN)


def test_adapt_normalization() -> None:
    model, names = adapted({"layer": "Rescaling", "scale": 10}, {"layer": "Normalization"})
    assert names == ["normalization_1"]
    outputs = model.predict_on_batch(FEATURES)
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(outputs.std(axis=0), 1, atol=1e-4)


@pytest.mark.parametrize("arguments", [{}, {"dtype": "mixed_bfloat16"}, {"dtype": "float16"}])
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_adapt_normalization_in_a_low_precision(precision: str, arguments: dict[str, str]) -> None:
    layers = {"layer": "Normalization"}, {"layer": "Dense", "units": 1}
    expected = adapted(*layers)[0].layers[1]
    model, names = adapted({**layers[0], **arguments}, layers[1], precision=precision)
    layer = model.layers[1]
    assert names == ["normalization_0"]
    assert layer.dtype_policy.name == arguments.get("dtype", "float32")
    assert layer.mean.dtype == layer.compute_dtype
    for found, value in ((layer.adapt_mean, expected.adapt_mean), (layer.adapt_variance, expected.adapt_variance)):
        rounded = keras.ops.cast(value, layer.variable_dtype)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(found), keras.ops.convert_to_numpy(rounded))


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
    message = r"layers\[1\] .*: Normalization learns from data \(adapt\): it must be in spec"
    with expect_failure("InvalidNetwork", message):
        adapted(first, around(NORMALIZATION))


def test_machine_errors_pass_through(monkeypatch: pytest.MonkeyPatch, machine_error: Exception) -> None:
    def adapt(*_: Any) -> None:
        raise machine_error

    monkeypatch.setattr(keras.layers.Normalization, "adapt", adapt)
    with pytest.raises(type(machine_error), match="broken"):
        adapted(NORMALIZATION)
