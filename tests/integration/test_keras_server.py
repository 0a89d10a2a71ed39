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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    network().save(tmp_path / "model.keras")
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
    left, right = np.random.default_rng(7).normal(size=(2, 5, 4)).astype(np.float32)
    inputs = [
        {"name": name, "shape": [5, 4], "datatype": "FP32", "data": array.ravel().tolist()}
        for name, array in (("right", right), ("left", left))
    ]
    answer = server.ask("/v2/models/digits/infer", {"inputs": inputs})
    assert answer.status == 200, answer.body
    found = {output["name"]: np.array(output["data"]).reshape(output["shape"]) for output in answer.json["outputs"]}
    mixed, classes = network()({"left": left, "right": right})
    assert found["mixed"] == pytest.approx(np.asarray(mixed), abs=1e-5)
    assert found["classes"] == pytest.approx(np.asarray(classes), abs=1e-5)
    assert server.ask("/v2/models/digits").json["platform"] == "keras"
    assert server.ask("/v2/models/digits/infer", {"inputs": inputs[:1]}).status == 400


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
