"""A training's model behind an address: what it answers, and what becomes of its pods, model by model."""

import hashlib
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from minio import Minio
from PIL import Image

from tests.kit import buckets
from tests.kit.any_size import of_any_size
from tests.kit.jobs import DIGITS, Namespace, digits
from tests.kit.known import CLOSE, Asking, Known, infer, known
from tests.kit.kubectl import Object, get, items, kubectl, wait
from tests.kit.model_server import ask
from tests.kit.servers import Server

NAME, CONVERTED, BY_KERAS = "pixels", "converted", "by-keras"
JOB = "digits"
SECONDS = 150
BUCKET = DIGITS["spec"]["results"]["bucket"]
FOLDER = "e2e-modelserver"
"""Where models lie that no training has left there."""
CHILDREN = "deployments,services,poddisruptionbudgets,networkpolicies,pods"
NAMES = ["nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def training(**changes: Any) -> Object:
    """Returns a training of two epochs that leaves its model as ONNX, too."""
    return digits(JOB, training__epochs=2, training__callbacks=None, results__exports=["onnx"], **changes)


def of(namespace: Namespace, name: str = NAME) -> Server:
    return Server(namespace.name, name)


def scale(server: Server, replicas: int) -> None:
    """Scales a ModelServer as its users do, and waits until there are so many pods."""
    kubectl("scale", f"msv/{server.name}", f"--replicas={replicas}", "--namespace", server.namespace)
    server.wait(f"have {replicas} pods", lambda found: found.get("readyReplicas") == found.get("replicas") == replicas)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: Minio, name: str, content: bytes) -> Object:
    """Puts a model into a bucket, and returns it as a source."""
    key = f"{FOLDER}/{name}"
    store.put_object(BUCKET, key, io.BytesIO(content), len(content))
    return {"uri": f"s3://{BUCKET}/{key}", "sha256": sha256(content)}


@dataclass(frozen=True)
class Waited:
    """How a ModelServer was before its training was Complete."""

    states: list[str]
    reasons: list[str]
    children: str


@pytest.fixture(scope="module")
def waited(namespace: Namespace) -> Waited:
    """A ModelServer that serves, and how it was before there was anything to serve."""
    source = {"trainingJobRef": {"name": JOB}}
    server = of(namespace)
    server.apply(source, images={"mode": "Resize"}, classes=NAMES)
    states, reasons = [], []
    for _ in range(2):
        reasons.append(server.wait_condition("Progressing", "True")["reason"])
        states.append(server.status["state"])
        if len(states) == 1:
            namespace.apply(training())
            namespace.running_pod(JOB)
    children = kubectl("get", "deployments,services", "--namespace", namespace.name, "--output=name")
    namespace.complete(JOB)
    server.wait_ready()
    return Waited(states, reasons, children)


@pytest.fixture(scope="module")
def first(namespace: Namespace, waited: Waited, store: Minio) -> Known:
    """What the training has left that is served at first."""
    return known(store, namespace.job(JOB), of(namespace).status["model"]["model"])


@pytest.fixture(scope="module")
def by_uri(namespace: Namespace, first: Known, store: Minio) -> Known:
    """What Keras answers by a model of which two more ModelServers serve the .keras: as it is, and made awkward."""
    job = namespace.job(JOB)
    last = next(one for one in job["status"]["results"]["models"] if one["name"] == "model.keras")
    more = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
    of(namespace, CONVERTED).apply({"uri": last["uri"], "sha256": last["sha256"]})
    awkward = of_any_size(first.files["model.keras"])
    of(namespace, BY_KERAS).apply(put(store, "any-size.keras", awkward), resources=more)
    return known(store, job, "Last")


def test_it_waits_for_its_training(waited: Waited) -> None:
    assert waited.states == ["Waiting"] * 2
    assert waited.reasons == ["WaitsForTrainingJob"] * 2
    assert waited.children == ""


def test_it_tells_what_it_serves(namespace: Namespace, first: Known) -> None:
    found, job = of(namespace).status, namespace.job(JOB)
    model = found["model"]
    exports = [one for one in job["status"]["results"]["exports"] if one["model"] == model["model"]]
    assert [(model["uri"], model["sha256"])] == [(one["uri"], one["sha256"]) for one in exports]
    assert (model["trainingJobUID"], model["runtime"]) == (job["metadata"]["uid"], "ONNX")
    assert found["url"] == f"http://{NAME}.{namespace.name}.svc"
    wait("what it takes and gives", lambda: of(namespace).status["model"].get("inputs"), seconds=10)
    told = of(namespace).status["model"]
    assert told["inputs"] == [{"name": first.input, "shape": [8, 8, 1], "dtype": "float32"}]
    assert told["outputs"] == [{"name": first.output, "shape": [10], "dtype": "float32"}]
    assert (found["replicas"], found["readyReplicas"], found["display"]["ready"]) == (1, 1, "1/1")
    told = {one["type"]: (one["status"], one["reason"]) for one in found["conditions"]}
    assert told["Ready"] == ("True", "Serving")
    assert told["Progressing"] == ("True", "RolledOut")
    assert told["Stalled"][0] == "False"
    children = kubectl("get", CHILDREN, "--namespace", namespace.name, "--output=name").splitlines()
    mine = {one.partition("/")[0] for one in children if f"/{NAME}" in one}
    assert {one.partition(".")[0] for one in mine} == {
        *("deployment", "service", "poddisruptionbudget", "networkpolicy", "pod")
    }


def test_all_protocols_give_what_keras_does(namespace: Namespace, first: Known) -> None:
    address = of(namespace).url
    service = get("service", NAME, namespace=namespace.name)["spec"]
    assert ask(f"http://{service['clusterIP']}/v2/health/ready")[0] == 200
    answers = {"v2": infer(address, NAME, first)}

    with triton.InferenceServerClient(address.removeprefix("http://")) as client:
        assert client.is_model_ready(NAME)
        asked = triton.InferInput(first.input, first.images.shape, "FP32")
        asked.set_data_from_numpy(first.images.astype(np.float32))
        answers["v2, binary"] = client.infer(NAME, [asked]).as_numpy(first.output)

    values = first.images.tolist()
    path = f"/ml/v4/deployments/{NAME}/predictions?version=2020-09-01"
    code, told = ask(address + path, json.dumps({"input_data": [{"values": values}]}).encode())
    assert code == 200, told
    (prediction,) = told["predictions"]
    assert prediction["fields"] == ["prediction", "prediction_classes", "probability"]
    answers["Watson"] = np.array([row[2] for row in prediction["values"]])
    assert [row[1] for row in prediction["values"]] == first.answers.argmax(axis=1).tolist()

    code, told = ask(f"{address}/v1/models/{NAME}:predict", json.dumps({"instances": values}).encode())
    assert code == 200, told
    answers["TensorFlow Serving"] = np.array(told["predictions"])

    for protocol, found in answers.items():
        np.testing.assert_allclose(found, first.answers, atol=CLOSE, err_msg=protocol)


def test_a_photograph_is_recognised(namespace: Namespace, first: Known) -> None:
    ranked = np.sort(first.answers)
    sample = int((ranked[:, -1] - ranked[:, -2]).argmax())
    image = first.signature.image
    assert image is not None
    pixels = (first.images[sample, :, :, 0] - image.lowest) / (image.highest - image.lowest) * 255
    photograph = Image.fromarray(pixels.round().astype(np.uint8)).resize((160, 160), Image.Resampling.NEAREST)
    file = io.BytesIO()
    photograph.save(file, "PNG")
    code, told = ask(f"{of(namespace).url}/predict", file.getvalue(), {"Content-Type": "image/png"})
    assert code == 200, told
    expected = int(first.answers[sample].argmax())
    assert (told["class"], told["name"]) == (expected, NAMES[expected])
    assert told["probability"] == pytest.approx(first.answers[sample].max(), abs=0.1)
    code, told = ask(f"{of(namespace).url}/predict", file.getvalue()[:200], {"Content-Type": "image/png"})
    assert code == 400, told


def test_it_is_scaled_up_and_down_without_a_failed_request(namespace: Namespace, by_uri: Known, first: Known) -> None:
    server = of(namespace)
    with Asking(server.url, NAME, first) as asking:
        scale(server, 2)
        assert len(server.pods()) == 2
        asking.more(10)
        scale(server, 1)
        wait("one of them to end", lambda: len(server.pods()) == 1, seconds=60)
        asking.more(10)
    assert asking.failures == []
    assert asking.gave_only(first.answers)
    assert server.status["state"] == "Ready"


def test_a_keras_file_is_converted_as_its_pod_starts(namespace: Namespace, by_uri: Known) -> None:
    server = of(namespace, CONVERTED)
    assert server.wait_ready(seconds=SECONDS)["model"]["runtime"] == "ONNX"
    (pod,) = server.pods()
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["convert"]
    assert ask(f"{server.url}/v2/models/{CONVERTED}")[1]["platform"] == "onnxruntime_onnx"
    np.testing.assert_allclose(infer(server.url, CONVERTED, by_uri), by_uri.answers, atol=CLOSE)


def test_what_cannot_become_onnx_is_served_by_keras(namespace: Namespace, by_uri: Known) -> None:
    server = of(namespace, BY_KERAS)
    assert server.wait_ready(seconds=SECONDS)["model"]["runtime"] == "Keras"
    (pod,) = server.pods()
    assert "initContainers" not in pod["spec"]
    assert "epochal-trainer" in pod["spec"]["containers"][0]["image"]
    assert "shrink" in server.events()["NotConvertible"]
    assert ask(f"{server.url}/v2/models/{BY_KERAS}")[1]["platform"] == "keras"
    np.testing.assert_allclose(infer(server.url, BY_KERAS, by_uri), by_uri.answers, atol=CLOSE)


@contextmanager
def serving_instead(server: Server) -> Iterator[None]:
    """Lets another source be named, and goes back to the training's model."""
    try:
        yield
    finally:
        server.patch(source={"trainingJobRef": {"name": JOB}, "uri": None, "sha256": None})
        server.wait_ready()
        wait("the others to end", lambda: len(server.pods()) == 1, seconds=60)


def test_a_model_that_cannot_be_served_leaves_the_pods_of_before(
    namespace: Namespace, first: Known, store: Minio
) -> None:
    server = of(namespace)
    before, told = server.started(), []
    half = first.files["model.onnx"][: len(first.files["model.onnx"]) // 2]
    sources = {
        "ModelDamaged": {"uri": server.status["model"]["uri"], "sha256": "0" * 64},
        "ModelRefused": put(store, "half.onnx", half),
    }
    with Asking(server.url, NAME, first) as asking, serving_instead(server):
        for reason, source in sources.items():
            server.patch(source={"trainingJobRef": None, **source})
            server.wait_condition("Progressing", "False", reason=reason)
            told.append(server.status)
            asking.more(10)
    for source, found in zip(sources.values(), told, strict=True):
        conditions = {one["type"]: one for one in found["conditions"]}
        assert {kind: one["status"] for kind, one in conditions.items()} == {
            "Ready": "True",
            "Progressing": "False",
            "Reconciling": "False",
            "Stalled": "True",
        }
        assert found["state"] == "Degraded"
        assert conditions["Progressing"]["message"].startswith(f"{source['uri']}: ")
    assert server.started() == before
    assert asking.failures == []
    assert asking.gave_only(first.answers)


def test_a_training_that_is_gone_does_not_matter(namespace: Namespace, first: Known) -> None:
    server = of(namespace)
    before, model = server.started(), server.status["model"]
    kubectl("delete", "tj", JOB, "--namespace", namespace.name)
    time.sleep(2)
    assert (server.status["state"], server.status["model"]) == ("Ready", model)
    assert server.started() == before


def test_a_job_that_is_trained_anew_is_rolled_out_without_a_failed_request(
    namespace: Namespace, first: Known, store: Minio
) -> None:
    server = of(namespace)
    old, before = server.status["model"], server.started()
    with Asking(server.url, NAME, first) as asking:
        namespace.apply(training(training__seed=8))
        namespace.complete(JOB)
        uid = namespace.job(JOB)["metadata"]["uid"]
        server.wait(
            "serve the new model",
            lambda found: found.get("state") == "Ready" and found["model"]["trainingJobUID"] == uid,
        )

        def left() -> set[str]:
            # A pod that is terminating may still answer.
            return before.keys() & {pod["metadata"]["name"] for pod in items("pods", namespace=namespace.name)}

        wait("the old pod to be gone", lambda: not left(), seconds=90)
        asking.more(10)
    model = server.status["model"]
    assert model["sha256"] != old["sha256"]
    second = known(store, namespace.job(JOB), model["model"])
    theirs = [infer(server.url, NAME, first)]
    assert asking.failures == []
    assert asking.gave_only(first.answers, *theirs)
    assert np.allclose(asking.answers[0], first.answers, atol=CLOSE)
    assert np.allclose(asking.answers[-1], theirs[0], atol=CLOSE)
    np.testing.assert_allclose(infer(server.url, NAME, second), second.answers, atol=CLOSE)


def test_deleted_it_takes_all_it_owns_away(namespace: Namespace, by_uri: Known) -> None:
    kubectl("delete", "msv", NAME, CONVERTED, BY_KERAS, "--namespace", namespace.name)

    def left() -> list[str]:
        found = kubectl("get", CHILDREN, "--namespace", namespace.name, "--output=name").splitlines()
        return [one for one in found if any(f"/{name}" in one for name in (NAME, CONVERTED, BY_KERAS))]

    wait("all to go", lambda: not left(), seconds=90, every=1)
    assert "model.onnx" in known(buckets.connect(), namespace.job(JOB), "Last").files, "the model stays"
