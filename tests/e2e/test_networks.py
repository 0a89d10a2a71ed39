"""Networks beside a plain stack of layers: a graph that is trained, searched and served, a stored model, and code."""

import io
import json
from typing import Any

import numpy as np
import pytest
from epochal_api.signature import CHECK, SIGNATURE, Signature
from minio import Minio

from tests.kit import buckets
from tests.kit.jobs import DIGITS, Namespace, digits, search
from tests.kit.kubectl import Object, apply, get, kubectl
from tests.kit.model_server import ask
from tests.kit.servers import Server
from tests.kit.stored_samples import CLOSE

GRAPH, SEARCH = "graph", "weights"
ARRAYS, CODE = "e2e-networks.npz", "e2e_networks.py"
SEARCH_SECONDS = 240
NETWORK: Object = {
    "inputs": [{"name": "image", "shape": [8, 8, 1]}, {"name": "second", "shape": [8, 8, 1]}],
    "layers": [
        {"layer": "Conv2D", "name": "conv", "filters": 4, "kernel_size": 3, "activation": "relu", "inputs": ["image"]},
        {"layer": "GlobalMaxPooling2D", "name": "one"},
        {"use": "conv", "name": "again", "inputs": ["second"]},
        {"layer": "GlobalMaxPooling2D", "name": "two"},
        {"layer": "Reshape", "name": "rows", "target_shape": [8, 8], "inputs": ["image"]},
        {"layer": "LSTM", "name": "lstm", "units": 8, "return_state": True},
        {"layer": "Concatenate", "name": "all", "inputs": ["one", "two", "lstm:0", "lstm:2"]},
        {"layer": "Dense", "name": "digit", "units": 10, "activation": "softmax"},
        {"layer": "Dense", "name": "odd", "units": 1, "activation": "sigmoid", "inputs": ["all"]},
    ],
    "outputs": ["digit", "odd"],
}
OUTPUTS: list[Object] = [
    {"name": "digit", "loss": "SparseCategoricalCrossentropy", "metrics": ["accuracy"]},
    {"name": "odd", "loss": "BinaryCrossentropy", "weight": "0.5"},
]
PARAMETERS = 4 * (9 + 1) + 4 * 8 * (8 + 8 + 1) + 24 * 10 + 10 + 24 + 1
"""Convolution (counted once, although called twice), LSTM, and the two dense layers."""
BUILD_MODEL = b"""
import keras


def build_model(spec):
    image, second = (keras.Input((8, 8, 1), name=name) for name in ("image", "second"))
    both = keras.layers.Flatten()(keras.layers.Subtract()([image, second]))
    digit = keras.layers.Dense(10, activation="softmax", name="digit")(both)
    return keras.Model([image, second], [digit, keras.layers.Dense(1, activation="sigmoid", name="odd")(both)])
"""


def arrays(digits_npz: bytes) -> bytes:
    """Return an npz with images and their mirror images, the digits, and whether these are odd."""
    with np.load(io.BytesIO(digits_npz)) as stored:
        found: dict[str, Any] = {}
        for part in ("train", "test"):
            images, labels = stored[f"x_{part}"] / 16, stored[f"y_{part}"]
            named = {"image": images, "second": images[:, :, ::-1], "digit": labels, "odd": labels % 2}
            found |= {f"{name}_{part}": array for name, array in named.items()}
    file = io.BytesIO()
    np.savez(file, **found)
    return file.getvalue()


def changes(**more: Any) -> Object:
    """Return the changes that make digits.yaml a training of two inputs and outputs."""
    data = {name: {"object": ARRAYS} for name in ("train", "test")}
    changed = {f"data__{name}": value for name, value in data.items()}
    of_outputs = {"training__outputs": OUTPUTS, "training__loss": None, "training__metrics": None}
    return changed | of_outputs | {"training__epochs": 2, "training__callbacks": None, "network": NETWORK} | more


@pytest.fixture(scope="module")
def graph(namespace: Namespace, store: Minio) -> Object:
    """The status of a completed training of the graph, beside which a search of its template was started."""
    bucket = DIGITS["spec"]["data"]["bucket"]
    for name, content in ((ARRAYS, arrays(buckets.read(store, bucket, "digits.npz"))), (CODE, BUILD_MODEL)):
        store.put_object(bucket, name, io.BytesIO(content), len(content))
    namespace.apply(digits(GRAPH, **changes(results__exports=["onnx"])))
    parameter = {"name": "weight", "paths": ["training.outputs[odd].weight"], "float": {"min": "0.1", "max": "2"}}
    searched = search(
        SEARCH,
        changes(),
        objective={"metric": "val_odd_loss", "goal": "Minimize"},
        search={"method": "Random", "seed": 7},
        parameters=[parameter],
        maxTrials=2,
    )
    apply(searched, namespace=namespace.name)
    return namespace.complete(GRAPH)


def test_a_graph_is_trained(graph: Object) -> None:
    assert graph["network"]["parameters"] == PARAMETERS
    assert {"digit_loss", "digit_accuracy", "odd_loss", "val_digit_accuracy", "val_odd_loss"} <= {*graph["metrics"]}
    assert {"loss", "digit_accuracy", "odd_loss"} <= {*graph["test"]}


def test_a_server_of_a_graph_answers_as_keras(namespace: Namespace, graph: Object, store: Minio) -> None:
    server = Server(namespace.name, GRAPH)
    server.apply({"trainingJobRef": {"name": GRAPH}})
    model = server.wait_ready()["model"]
    files = buckets.objects(store, graph["results"]["uri"])
    signature = Signature.model_validate_json(files[SIGNATURE])
    assert ([item.name for item in signature.inputs], [item.name for item in signature.outputs]) == (
        ["image", "second"],
        ["digit", "odd"],
    )
    with np.load(io.BytesIO(files[CHECK])) as check:
        inputs = [
            {
                "name": name,
                "shape": check[f"input:{name}"].shape,
                "datatype": "FP32",
                "data": check[f"input:{name}"].tolist(),
            }
            for name in ("image", "second")
        ]
        code, answer = ask(f"{server.url}/v2/models/{GRAPH}/infer", json.dumps({"inputs": inputs}).encode())
        assert code == 200, answer
        answered = {item["name"]: np.array(item["data"]).reshape(item["shape"]) for item in answer["outputs"]}
        assert set(answered) == {"digit", "odd"}
        for name, values in answered.items():
            np.testing.assert_allclose(values, check[f"{model['model'].lower()}:{name}"], atol=CLOSE)


def test_the_weight_of_an_output_is_searched(namespace: Namespace, graph: Object) -> None:
    where = ("--namespace", namespace.name)
    seconds = f"--timeout={SEARCH_SECONDS}s"
    kubectl("wait", "--for=condition=Complete", seconds, f"exp/{SEARCH}", *where, timeout=SEARCH_SECONDS + 10)
    found = get("experiment", SEARCH, namespace=namespace.name)["status"]
    assert found["trials"]["complete"] == 2
    assert found["display"]["best"].startswith("val_odd_loss 0.")
    best = namespace.job(found["best"]["jobName"])
    assert float(best["status"]["best"]["value"]) == float(found["best"]["value"])
    weights = {trial["parameters"]["weight"] for trial in found["top"]}
    assert len(weights) == 2
    assert best["spec"]["training"]["outputs"][1]["weight"] in weights


@pytest.fixture(scope="module")
def stored(namespace: Namespace, graph: Object) -> str:
    """The URI of the graph's model, from which a further training was started, beside a training of Python code."""
    uri = str(next(model["uri"] for model in graph["results"]["models"] if model["name"] == "model.keras"))
    model = {"uri": uri, "freeze": ["conv", "lstm"]}
    namespace.apply(
        digits("further", **changes(network=None, model=model)),
        digits("coded", **changes(network=None, code={"object": CODE})),
    )
    return uri


def test_a_stored_graph_is_trained_further_with_frozen_layers(
    namespace: Namespace, graph: Object, stored: str, store: Minio
) -> None:
    status = namespace.complete("further")
    assert status["network"]["parameters"] == PARAMETERS
    # The two dense layers are trained further: the weights of a new network would give a higher loss.
    assert float(status["metrics"]["loss"]) < float(graph["metrics"]["loss"])
    summary = json.loads(buckets.objects(store, status["results"]["uri"])["summary.json"])
    assert list(summary["digests"]["network"]) == [stored]


@pytest.mark.usefixtures("stored")
def test_a_network_of_python_code_is_trained(namespace: Namespace) -> None:
    status = namespace.complete("coded")
    assert status["network"]["parameters"] == 64 * 11 + 11
    assert "val_odd_loss" in status["metrics"]
