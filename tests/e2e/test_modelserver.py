"""ModelServers of a training's models: their answers in all protocols, and their pods at each change of model."""

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
from tests.kit.jobs import DIGITS, Namespace, digits
from tests.kit.kubectl import Object, get, items, kubectl, wait
from tests.kit.model_server import ask
from tests.kit.servers import Server
from tests.kit.stored_samples import CLOSE, RequestLoop, StoredSamples, infer, stored_samples
from tests.kit.unconvertible import unconvertible

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
    kubectl("scale", f"msv/{server.name}", f"--replicas={replicas}", "--namespace", server.namespace)
    server.wait(f"have {replicas} pods", lambda found: found.get("readyReplicas") == found.get("replicas") == replicas)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: Minio, name: str, content: bytes) -> Object:
    """Puts a model into a bucket, and returns a source for it."""
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
def first(namespace: Namespace, waited: Waited, store: Minio) -> StoredSamples:
    """The samples and answers of the first served model."""
    return stored_samples(store, namespace.job(JOB), of(namespace).status["model"]["model"])


@pytest.fixture(scope="module")
def by_uri(namespace: Namespace, first: StoredSamples, store: Minio) -> StoredSamples:
    """Samples and answers of a .keras that two more ModelServers serve: converted, and with an input of any size."""
    job = namespace.job(JOB)
    last = next(model for model in job["status"]["results"]["models"] if model["name"] == "model.keras")
    more = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
    of(namespace, CONVERTED).apply({"uri": last["uri"], "sha256": last["sha256"]})
    awkward = unconvertible(first.files["model.keras"])
    of(namespace, BY_KERAS).apply(put(store, "any-size.keras", awkward), resources=more)
    return stored_samples(store, job, "Last")


def test_the_server_waits_for_its_training(waited: Waited) -> None:
    assert waited.states == ["Waiting"] * 2
    assert waited.reasons == ["WaitsForTrainingJob"] * 2
    assert waited.children == ""


def test_the_status_describes_the_served_model(namespace: Namespace, first: StoredSamples) -> None:
    found, job = of(namespace).status, namespace.job(JOB)
    model = found["model"]
    exports = [export for export in job["status"]["results"]["exports"] if export["model"] == model["model"]]
    assert [(model["uri"], model["sha256"])] == [(export["uri"], export["sha256"]) for export in exports]
    assert (model["trainingJobUID"], model["runtime"]) == (job["metadata"]["uid"], "ONNX")
    assert found["url"] == f"http://{NAME}.{namespace.name}.svc"
    wait("what it takes and gives", lambda: of(namespace).status["model"].get("inputs"), seconds=10)
    assert of(namespace).condition("ImagesSuitable")["reason"] == "BackgroundUnknown"
    model = of(namespace).status["model"]
    assert model["inputs"] == [{"name": first.input, "shape": [8, 8, 1], "dtype": "float32"}]
    assert model["outputs"] == [{"name": first.output, "shape": [10], "dtype": "float32"}]
    assert (found["replicas"], found["readyReplicas"], found["display"]["ready"]) == (1, 1, "1/1")
    conditions = {condition["type"]: (condition["status"], condition["reason"]) for condition in found["conditions"]}
    assert conditions["Ready"] == ("True", "Serving")
    assert conditions["Progressing"] == ("True", "RolledOut")
    assert conditions["Stalled"][0] == "False"
    children = kubectl("get", CHILDREN, "--namespace", namespace.name, "--output=name").splitlines()
    mine = {child.partition("/")[0] for child in children if f"/{NAME}" in child}
    assert {item.partition(".")[0] for item in mine} == {
        *("deployment", "service", "poddisruptionbudget", "networkpolicy", "pod")
    }


def test_all_protocols_give_the_answers_of_keras(namespace: Namespace, first: StoredSamples) -> None:
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
    code, answer = ask(address + path, json.dumps({"input_data": [{"values": values}]}).encode())
    assert code == 200, answer
    (prediction,) = answer["predictions"]
    assert prediction["fields"] == ["prediction", "prediction_classes", "probability"]
    answers["Watson"] = np.array([row[2] for row in prediction["values"]])
    assert [row[1] for row in prediction["values"]] == first.answers.argmax(axis=1).tolist()

    code, answer = ask(f"{address}/v1/models/{NAME}:predict", json.dumps({"instances": values}).encode())
    assert code == 200, answer
    answers["TensorFlow Serving"] = np.array(answer["predictions"])

    for protocol, found in answers.items():
        np.testing.assert_allclose(found, first.answers, atol=CLOSE, err_msg=protocol)


def test_a_photograph_is_recognised(namespace: Namespace, first: StoredSamples) -> None:
    ranked = np.sort(first.answers)
    sample = int((ranked[:, -1] - ranked[:, -2]).argmax())
    image = first.signature.image
    assert image is not None
    pixels = (first.images[sample, :, :, 0] - image.lowest) / (image.highest - image.lowest) * 255
    photograph = Image.fromarray(pixels.round().astype(np.uint8)).resize((160, 160), Image.Resampling.NEAREST)
    file = io.BytesIO()
    photograph.save(file, "PNG")
    code, answer = ask(f"{of(namespace).url}/predict", file.getvalue(), {"Content-Type": "image/png"})
    assert code == 200, answer
    expected = int(first.answers[sample].argmax())
    assert (answer["class"], answer["name"]) == (expected, NAMES[expected])
    assert answer["probability"] == pytest.approx(first.answers[sample].max(), abs=0.1)
    code, answer = ask(f"{of(namespace).url}/predict", file.getvalue()[:200], {"Content-Type": "image/png"})
    assert code == 400, answer


def test_scaling_up_and_down_loses_no_request(
    namespace: Namespace, by_uri: StoredSamples, first: StoredSamples
) -> None:
    server = of(namespace)
    with RequestLoop(server.url, NAME, first) as requests:
        scale(server, 2)
        assert len(server.pods()) == 2
        requests.wait_answers(10)
        scale(server, 1)
        wait("one of them to end", lambda: len(server.pods()) == 1, seconds=60)
        requests.wait_answers(10)
    assert requests.failures == []
    assert requests.answers_are(first.answers)
    assert server.status["state"] == "Ready"


def test_a_keras_file_is_converted_as_its_pod_starts(namespace: Namespace, by_uri: StoredSamples) -> None:
    server = of(namespace, CONVERTED)
    assert server.wait_ready(seconds=SECONDS)["model"]["runtime"] == "ONNX"
    (pod,) = server.pods()
    assert [container["name"] for container in pod["spec"]["initContainers"]] == ["convert"]
    assert ask(f"{server.url}/v2/models/{CONVERTED}")[1]["platform"] == "onnxruntime_onnx"
    np.testing.assert_allclose(infer(server.url, CONVERTED, by_uri), by_uri.answers, atol=CLOSE)


def test_a_model_that_cannot_become_onnx_is_served_by_keras(namespace: Namespace, by_uri: StoredSamples) -> None:
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
    """Lets a test name another source, and goes back to the training's model."""
    try:
        yield
    finally:
        server.patch(source={"trainingJobRef": {"name": JOB}, "uri": None, "sha256": None})
        server.wait_ready()
        wait("the others to end", lambda: len(server.pods()) == 1, seconds=60)


def test_a_model_that_cannot_be_served_keeps_the_old_pods(
    namespace: Namespace, first: StoredSamples, store: Minio
) -> None:
    server = of(namespace)
    before, statuses = server.started(), []
    half = first.files["model.onnx"][: len(first.files["model.onnx"]) // 2]
    sources = {
        "ModelDamaged": {"uri": server.status["model"]["uri"], "sha256": "0" * 64},
        "ModelRefused": put(store, "half.onnx", half),
    }
    with RequestLoop(server.url, NAME, first) as requests, serving_instead(server):
        for reason, source in sources.items():
            server.patch(source={"trainingJobRef": None, **source})
            server.wait_condition("Progressing", "False", reason=reason)
            statuses.append(server.status)
            requests.wait_answers(10)
    for source, found in zip(sources.values(), statuses, strict=True):
        conditions = {condition["type"]: condition for condition in found["conditions"]}
        assert {kind: one["status"] for kind, one in conditions.items()} == {
            "Ready": "True",
            "Progressing": "False",
            "Reconciling": "False",
            "Stalled": "True",
        }
        assert found["state"] == "Degraded"
        assert conditions["Progressing"]["message"].startswith(f"{source['uri']}: ")
    assert server.started() == before
    assert requests.failures == []
    assert requests.answers_are(first.answers)


def test_the_deletion_of_the_training_changes_nothing(namespace: Namespace, first: StoredSamples) -> None:
    server = of(namespace)
    before, model = server.started(), server.status["model"]
    kubectl("delete", "tj", JOB, "--namespace", namespace.name)
    time.sleep(2)
    assert (server.status["state"], server.status["model"]) == ("Ready", model)
    assert server.started() == before


def test_a_new_training_of_the_same_name_is_rolled_out_without_a_lost_request(
    namespace: Namespace, first: StoredSamples, store: Minio
) -> None:
    server = of(namespace)
    old, before = server.status["model"], server.started()
    with RequestLoop(server.url, NAME, first) as requests:
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
        requests.wait_answers(10)
    model = server.status["model"]
    assert model["sha256"] != old["sha256"]
    second = stored_samples(store, namespace.job(JOB), model["model"])
    theirs = [infer(server.url, NAME, first)]
    assert requests.failures == []
    assert requests.answers_are(first.answers, *theirs)
    assert np.allclose(requests.answers[0], first.answers, atol=CLOSE)
    assert np.allclose(requests.answers[-1], theirs[0], atol=CLOSE)
    np.testing.assert_allclose(infer(server.url, NAME, second), second.answers, atol=CLOSE)


def test_deletion_removes_all_children(namespace: Namespace, by_uri: StoredSamples) -> None:
    kubectl("delete", "msv", NAME, CONVERTED, BY_KERAS, "--namespace", namespace.name)

    def left() -> list[str]:
        found = kubectl("get", CHILDREN, "--namespace", namespace.name, "--output=name").splitlines()
        return [item for item in found if any(f"/{name}" in item for name in (NAME, CONVERTED, BY_KERAS))]

    wait("all to go", lambda: not left(), seconds=90, every=1)
    assert "model.onnx" in stored_samples(buckets.connect(), namespace.job(JOB), "Last").files, "the model stays"
