"""The server serves models by Keras if they cannot be converted to ONNX."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from epochal_api.signature import TensorSpec
from epochal_lib.model_server.errors import ServeError
from epochal_server.model.runtimes.keras import Keras

from tests.kit.models import digest, signature
from tests.kit.s3_server import Service
from tests.kit.serving import Process, put, serving


def network() -> keras.Model:
    keras.utils.set_random_seed(7)
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    mixed = keras.layers.Dense(3, activation="gelu", name="mixed")(keras.layers.Concatenate()([left, right]))
    return keras.Model(
        {"left": left, "right": right}, [mixed, keras.layers.Dense(2, activation="softmax", name="classes")(mixed)]
    )


def texts() -> keras.Model:
    keras.utils.set_random_seed(7)
    note, tokens = keras.Input((), name="note", dtype="string"), keras.Input((None,), name="tokens", dtype="int32")
    words = keras.layers.TextVectorization(vocabulary=["of", "ähre"], output_mode="multi_hot")(note)
    states = keras.layers.LSTM(3, return_state=True)(keras.layers.Embedding(9, 2)(tokens))
    mixed = keras.layers.Dense(3, activation="gelu", name="mixed")(keras.layers.Concatenate()([words, states[-1]]))
    return keras.Model([note, tokens], [mixed, keras.layers.Dense(2, activation="softmax", name="classes")(mixed)])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    texts().save(tmp_path / "model.keras")
    data = (tmp_path / "model.keras").read_bytes()
    service = Service()
    put(service, "model.keras", data)
    config = {
        "name": "digits",
        "namespace": "vision",
        "runtime": "Keras",
        "source": {"uri": "s3://bucket/model.keras", "sha256": digest(data)},
        "storage": {"endpoint": service.endpoint},
    }
    with serving(tmp_path, config, stay=0) as process:
        process.wait(seconds=120)
        yield process
    service.stop()


def test_the_server_answers_as_keras_does(server: Process) -> None:
    model, notes = texts(), ["Of a kind", "Ähre"]
    for length in (1, 4):
        tokens = np.arange(2 * length).reshape(2, length)
        expected = dict(
            zip(("mixed", "classes"), model([keras.ops.array(notes, "string"), keras.ops.array(tokens)]), strict=True)
        )
        inputs = [
            {"name": "tokens", "shape": [2, length], "datatype": "INT32", "data": tokens.ravel().tolist()},
            {"name": "note", "shape": [2], "datatype": "BYTES", "data": notes},
        ]
        answer = server.ask("/v2/models/digits/infer", {"inputs": inputs})
        assert answer.status == 200, answer.body
        found = {output["name"]: np.array(output["data"]).reshape(output["shape"]) for output in answer.json["outputs"]}
        rows = [{"note": note, "tokens": row} for note, row in zip(notes, tokens.tolist(), strict=True)]
        predicted = server.ask("/v1/models/digits:predict", {"instances": rows}).json["predictions"]
        table = {"fields": ["note", "tokens"], "values": [[*row.values()] for row in rows]}
        watson = server.ask("/ml/v4/deployments/digits/predictions", {"input_data": [table]}).json["predictions"][0]
        assert watson["fields"] == ["mixed", "classes"]
        for at, (name, output) in enumerate(expected.items()):
            assert found[name] == pytest.approx(np.asarray(output), abs=1e-5)
            assert np.array([row[name] for row in predicted]) == pytest.approx(found[name], abs=1e-6)
            assert np.array([row[at] for row in watson["values"]]) == pytest.approx(found[name], abs=1e-6)
        assert server.ask("/v2/models/digits/infer", {"inputs": inputs[:1]}).status == 400
    assert server.ask("/v2/models/digits").json["platform"] == "keras"


def test_inputs_match_the_signature_by_name_or_by_its_check() -> None:
    def vectors(*names: str, size: int = 4) -> list[TensorSpec]:
        return [TensorSpec(name=name, shape=[size], dtype="float32") for name in names]

    left, right = np.random.default_rng(7).normal(size=(2, 5, 4)).astype(np.float32)
    expected = np.asarray(network()({"left": left, "right": right})[1])
    outputs = [*vectors("classes", size=2), *vectors("mixed", size=3)]
    model = Keras(network(), signature(vectors("right", "left"), outputs), has_check=False)
    assert model.run({"left": left, "right": right})["classes"] == pytest.approx(expected, abs=1e-5)
    renamed = signature(vectors("a", "b"), outputs)
    with pytest.raises(ServeError, match="expected the names of its signature"):
        Keras(network(), renamed, has_check=False)
    model = Keras(network(), renamed, has_check=True)
    assert model.run({"a": left, "b": right})["classes"] == pytest.approx(expected, abs=1e-5)
