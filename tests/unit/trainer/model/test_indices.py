import json
import re
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import graph, network
from epochal_trainer.model.indices import check_indices

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
    described = Network.model_validate({"input": {"shape": [3]}, "layers": layers})
    network.build(described, seed=1, memory=1 << 30)
    check_indices(Samples(np.array(features), np.zeros(len(features)), "x", "y"), graph.nodes_of(described))


@pytest.mark.parametrize("case", LOOKED_UP)
@pytest.mark.parametrize("kind", ["uint8", "int64", "float32"])
def test_an_index_that_a_layer_has_not_is_named(case: str, kind: str) -> None:
    layers = LOOKED_UP[case]
    check(layers, np.array([[0, 9, 9]], kind))
    words = r"x holds (12|12\.0) at \[1, 2\], and spec\.network\.layers\[\d\] \(.*\) has (input_dim|num_tokens) 10: .* "
    with pytest.raises(Failure, match=words + "from 0 to 9") as caught:
        check(layers, np.array([[0, 0, 9], [1, 2, 12]], kind))
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidData", 65)


@pytest.mark.parametrize("case", LOOKED_UP)
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_in_no_precision_another_index_is_looked_up(case: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    for kind in (keras.layers.Embedding, keras.layers.ReversibleEmbedding, keras.layers.CategoryEncoding):

        def call(layer: Any, inputs: Any, *_: Any, call: Any = kind.call, **__: Any) -> Any:
            seen.append(inputs)
            return call(layer, inputs)

        monkeypatch.setattr(kind, "call", call)
    training = Training.model_validate({"loss": "mse", "precision": precision})
    size = 70_001
    layers = json.loads(json.dumps(LOOKED_UP[case]).replace(": 10", f": {size}"))
    described = Network.model_validate({"input": {"shape": [3]}, "layers": [*layers, {"layer": "Dense", "units": 1}]})
    model = network.build(described, seed=1, memory=1 << 30, training=training)
    seen.clear()
    model(np.array([[257, 2049, size - 1]], "float32"))
    assert {int(index) for inputs in seen for index in np.array(inputs, "float64").flat} == {257, 2049, size - 1}


@pytest.mark.parametrize("case", NOT_LOOKED_UP)
def test_what_is_no_index_is_not_looked_at(case: str) -> None:
    check(NOT_LOOKED_UP[case], [[0, 3, 12]])


@pytest.mark.parametrize(
    ("layer", "good", "bad"),
    [(EMBEDDING, [-10, 9, 9.9], -11), (EMBEDDING, [0], 10), (ENCODING, [-0.9, 0, 9.9], -1), (ENCODING, [0], 10)],
)
def test_what_counts_is_what_keras_makes_of_it(layer: dict[str, Any], good: list[float], bad: float) -> None:
    check([layer], [[value] * 3 for value in good])
    with pytest.raises(Failure, match=re.escape(f"x holds {float(bad)} at [1, 0]")):
        check([layer], [[0.0, 0.0, 0.0], [bad, bad, bad]])
