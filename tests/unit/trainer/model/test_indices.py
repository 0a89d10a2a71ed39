import json
import re
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.training import Training
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import graph
from epochal_trainer.model.indices import check_indices

from tests.unit.trainer.expect import expect_failure
from tests.unit.trainer.model.networks import build_network, network_spec

EMBEDDING = {"layer": "Embedding", "input_dim": 10, "output_dim": 2}
ENCODING = {"layer": "CategoryEncoding", "num_tokens": 10}
FLAT = {"layer": "Flatten"}
NAMED = {**EMBEDDING, "name": "words", "inputs": ["input"]}
OTHER = {"layer": "Dense", "units": 3, "name": "other", "inputs": ["input"]}
RESHAPED: dict[str, Any] = {"layer": "Reshape", "target_shape": [3, 1]}
WRAPPED = {"layer": "TimeDistributed", "wrapped": EMBEDDING}
POOLED = {"layer": "GlobalAveragePooling1D", "inputs": ["words"], "name": "pooled"}
SHIFTED = {"layer": "Rescaling", "scale": 1, "offset": -5}

LOOKED_UP: dict[str, list[dict[str, Any]]] = {
    "the first layer": [EMBEDDING, FLAT],
    "another class": [{**EMBEDDING, "layer": "ReversibleEmbedding"}, FLAT],
    "categories": [ENCODING],
    "below layers that move": [
        FLAT,
        {"layer": "RepeatVector", "n": 2},
        {"layer": "Permute", "dims": [2, 1]},
        EMBEDDING,
    ],
    "in a graph": [OTHER, NAMED, POOLED, {"layer": "Concatenate", "inputs": ["other", "pooled"]}],
    "in a wrapper": [RESHAPED, WRAPPED, FLAT],
    "in a pipeline": [{"layer": "Pipeline", "layers": [{"layer": "Identity"}, EMBEDDING, FLAT]}],
}
NOT_LOOKED_UP: dict[str, list[dict[str, Any]]] = {
    "no index": [{"layer": "Dense", "units": 2}],
    "what another layer has changed": [SHIFTED, EMBEDDING, FLAT],
    "what a pipeline has changed": [{"layer": "Pipeline", "layers": [SHIFTED]}, EMBEDDING, FLAT],
    "what an embedding gives": [{**EMBEDDING, "input_dim": 200}, FLAT, EMBEDDING, FLAT],
}


def check(layers: list[dict[str, Any]], features: Any) -> None:
    spec = network_spec([3], *layers)
    build_network(spec)
    check_indices(Samples.single(np.array(features), np.zeros(len(features)), "x", "y"), graph.build_nodes(spec))


@pytest.mark.parametrize("case", LOOKED_UP)
@pytest.mark.parametrize("kind", ["uint8", "int64", "float32"])
def test_index_out_of_range(case: str, kind: str) -> None:
    layers = LOOKED_UP[case]
    check(layers, np.array([[0, 9, 9]], kind))
    words = r"x holds (12|12\.0) at \[1, 2\], but spec\.network\.layers\[\d\] \(.*\) has (input_dim|num_tokens) 10: .* "
    with expect_failure("InvalidData", words + "from 0 to 9", 65):
        check(layers, np.array([[0, 0, 9], [1, 2, 12]], kind))


@pytest.mark.parametrize("case", LOOKED_UP)
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_indices_are_exact_in_any_precision(case: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    for kind in (keras.layers.Embedding, keras.layers.ReversibleEmbedding, keras.layers.CategoryEncoding):

        def call(layer: Any, inputs: Any, *_: Any, call: Any = kind.call, **__: Any) -> Any:
            seen.append(inputs)
            return call(layer, inputs)

        monkeypatch.setattr(kind, "call", call)
    training = Training.model_validate({"loss": "mse", "precision": precision})
    size = 70_001
    layers = json.loads(json.dumps(LOOKED_UP[case]).replace(": 10", f": {size}"))
    model = build_network(network_spec([3], *layers, {"layer": "Dense", "units": 1}), training=training)
    seen.clear()
    model(np.array([[257, 2049, size - 1]], "float32"))
    assert {int(index) for inputs in seen for index in np.array(inputs, "float64").flat} == {257, 2049, size - 1}


@pytest.mark.parametrize("case", NOT_LOOKED_UP)
def test_features_that_are_no_indices(case: str) -> None:
    check(NOT_LOOKED_UP[case], [[0, 3, 12]])


@pytest.mark.parametrize(
    ("layer", "good", "bad"),
    [(EMBEDDING, [-10, 9, 9.9], -11), (EMBEDDING, [0], 10), (ENCODING, [-0.9, 0, 9.9], -1), (ENCODING, [0], 10)],
)
def test_index_range_as_in_keras(layer: dict[str, Any], good: list[float], bad: float) -> None:
    check([layer], [[value] * 3 for value in good])
    with pytest.raises(Failure, match=re.escape(f"x holds {float(bad)} at [1, 0]")):
        check([layer], [[0.0, 0.0, 0.0], [bad, bad, bad]])
