"""A training's model behind an address: what it answers, and what becomes of its pods, model by model."""

import hashlib
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from typing import Any, Self

import numpy as np
import pytest
import tritonclient.http as triton
from epochal_api.signature import CHECK, SIGNATURE, Signature
from minio import Minio
from PIL import Image

from tests.kit import buckets, digits_model, operator
from tests.kit.jobs import DIGITS, Namespace, digits
from tests.kit.kubectl import Object, apply, get, items, kubectl, wait
from tests.kit.model_server import ask

NAME, CONVERTED, BY_KERAS, FROM_BUCKET = "pixels", "converted", "by-keras", "from-bucket"
JOB = "digits"
SECONDS = 150
BUCKET = DIGITS["spec"]["results"]["bucket"]
FOLDER = "e2e-modelserver"
"""Where models lie that no training has left there."""
CHILDREN = "deployments,services,poddisruptionbudgets,networkpolicies,pods"
NAMES = ["nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
CLOSE = 1e-5
"""How far answers may be from those of Keras: as rounding brings them apart."""


def server(name: str, source: Object, **spec: Any) -> Object:
    """Returns a ModelServer that asks for little."""
    resources = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "ModelServer",
        "metadata": {"name": name},
        "spec": {
            "source": source,
            "storage": {"secretRef": {"name": buckets.SECRET}},
            "resources": resources,
            **spec,
        },
    }


def training(**changes: Any) -> Object:
    """Returns a training of two epochs that leaves its model as ONNX, too."""
    return digits(JOB, training__epochs=2, training__callbacks=None, results__exports=["onnx"], **changes)


def status(namespace: Namespace, name: str = NAME) -> Object:
    found: Object = get("modelserver", name, namespace=namespace.name).get("status", {})
    return found


def condition(namespace: Namespace, kind: str, name: str = NAME) -> Object:
    return next((one for one in status(namespace, name).get("conditions", []) if one["type"] == kind), {})


def pods(namespace: Namespace, name: str = NAME) -> dict[str, Object]:
    """Returns the pods of a ModelServer that are to stay, by their names."""
    found = items("pods", namespace=namespace.name, selector=status(namespace, name)["selector"])
    return {one["metadata"]["name"]: one for one in found if "deletionTimestamp" not in one["metadata"]}


def started(namespace: Namespace, name: str = NAME) -> dict[str, list[tuple[str, int]]]:
    """Returns the containers of a ModelServer's pods, with what tells whether they were started again."""
    return {
        pod: [(one["containerID"], one["restartCount"]) for one in body["status"]["containerStatuses"]]
        for pod, body in pods(namespace, name).items()
    }


def events(namespace: Namespace, name: str) -> dict[str, str]:
    """Returns the messages of the Events about a ModelServer, by their reasons."""
    about = (one for one in items("events", namespace=namespace.name) if one["involvedObject"]["kind"] == "ModelServer")
    return {one["reason"]: one["message"] for one in about if one["involvedObject"]["name"] == name}


def describe(namespace: Namespace, name: str) -> str:
    """Returns all that helps to see why a server is not as it should be."""
    selector = status(namespace, name).get("selector", "none")
    where = ["--namespace", namespace.name]
    verbs = (["describe", "pods"], ["logs", "--all-containers", "--tail", "40", "--prefix"])
    told = [kubectl(*verb, "--selector", selector, *where) for verb in verbs]
    return "\n".join([kubectl("describe", "msv", name, *where), *told])


def await_server(namespace: Namespace, what: str, holds: Callable[[Object], Any], name: str = NAME) -> Object:
    """Waits until something holds of a ModelServer's status and returns that; else tells how it stands."""

    def look() -> Object | None:
        found = status(namespace, name)
        return found if holds(found) else None

    try:
        return wait(f"{name} to be {what}", look, seconds=SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{describe(namespace, name)}") from None


def ready(namespace: Namespace, name: str = NAME) -> Object:
    return await_server(namespace, "Ready", lambda found: found.get("state") == "Ready", name)


def patch(namespace: Namespace, **spec: Any) -> None:
    """Changes fields of the spec of the ModelServer."""
    namespace.patch(spec, NAME, kind="msv")


def scale(namespace: Namespace, replicas: int) -> None:
    """Scales the ModelServer as its users do, and waits until there are so many pods."""
    kubectl("scale", f"msv/{NAME}", f"--replicas={replicas}", "--namespace", namespace.name)
    await_server(namespace, f"of {replicas}", lambda found: found["readyReplicas"] == found["replicas"] == replicas)


def url(namespace: Namespace, name: str = NAME) -> str:
    """Returns the address of a ModelServer, as its status tells it."""
    return str(status(namespace, name)["url"])


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: Minio, name: str, content: bytes) -> Object:
    """Puts a model into a bucket, and returns it as a source."""
    key = f"{FOLDER}/{name}"
    store.put_object(BUCKET, key, io.BytesIO(content), len(content))
    return {"uri": f"s3://{BUCKET}/{key}", "sha256": sha256(content)}


@dataclass(frozen=True)
class Known:
    """What a training has left: samples, and what Keras answers to them."""

    files: dict[str, bytes]
    signature: Signature
    images: np.ndarray
    answers: np.ndarray

    @property
    def output(self) -> str:
        return self.signature.outputs[0].name

    @property
    def input(self) -> str:
        return self.signature.inputs[0].name


def known(store: Minio, job: Object, which: str) -> Known:
    """Returns what a training has left.

    Args:
        store: Where.
        job: Its TrainingJob.
        which: Whose answers: Best or Last.
    """
    files = buckets.objects(store, job["status"]["results"]["uri"])
    signature = Signature.model_validate_json(files[SIGNATURE])
    with np.load(io.BytesIO(files[CHECK])) as stored:
        images = stored[f"input:{signature.inputs[0].name}"]
        return Known(files, signature, images, stored[f"{which.lower()}:{signature.outputs[0].name}"])


def infer(address: str, name: str, known: Known) -> np.ndarray:
    """Returns what a server answers to all samples, by the protocol of Open Inference, as JSON."""
    image = {"name": known.input, "shape": known.images.shape, "datatype": "FP32", "data": known.images.tolist()}
    code, told = ask(f"{address}/v2/models/{name}/infer", json.dumps({"inputs": [image]}).encode())
    assert code == 200, told
    assert [one["name"] for one in told["outputs"]] == [known.output]
    (output,) = told["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"])


@dataclass
class Asking:
    """Asks a server all the time, each time by a new connection, until it is left.

    Args:
        address: The server's.
        known: What it is asked of.
    """

    address: str
    known: Known
    answers: list[np.ndarray] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._left.wait(0.03):
            try:
                self.answers.append(infer(self.address, NAME, self.known))
            except (AssertionError, OSError, HTTPException) as error:
                self.failures.append(f"{time.strftime('%X')} {error!r}")

    def gave_only(self, *expected: np.ndarray) -> bool:
        """Returns whether each answer was one of these."""
        return all(any(np.allclose(one, other, atol=CLOSE) for other in expected) for one in self.answers)


def of_any_size(content: bytes) -> bytes:
    """Returns a .keras whose network takes images of any size and shrinks them first: there is no ONNX for that."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    told = json.loads(files["config.json"])
    first, second, *others = told["config"]["layers"]
    (_, height, width, channels) = first["config"]["batch_shape"]
    shape = first["config"]["batch_shape"] = [None, None, None, channels]
    shrink = {
        "module": "keras.layers",
        "class_name": "Resizing",
        "config": {"name": "shrink", "height": height, "width": width, "antialias": True},
        "registered_name": None,
        "name": "shrink",
        "inbound_nodes": json.loads(json.dumps(second["inbound_nodes"])),
    }
    (takes,) = shrink["inbound_nodes"][0]["args"]
    takes["config"]["shape"] = shape
    (takes,) = second["inbound_nodes"][0]["args"]
    takes["config"]["keras_history"][0] = "shrink"
    told["config"]["layers"] = [first, shrink, second, *others]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in (files | {"config.json": json.dumps(told).encode()}).items():
            archive.writestr(name, data)
    return file.getvalue()


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
    apply(server(NAME, source, images={"mode": "Resize"}, classes=NAMES), namespace=namespace.name)
    states, reasons = [], []
    for _ in range(2):
        found = await_server(namespace, "Waiting", lambda found: found.get("state") == "Waiting")
        states.append(found["state"])
        reasons.append(condition(namespace, "Progressing")["reason"])
        if len(states) == 1:
            namespace.apply(training())
            namespace.running_pod(JOB)
    children = kubectl("get", "deployments,services", "--namespace", namespace.name, "--output=name")
    namespace.complete(JOB)
    ready(namespace)
    return Waited(states, reasons, children)


@pytest.fixture(scope="module")
def first(namespace: Namespace, waited: Waited, store: Minio) -> Known:
    """What the training has left that is served at first."""
    return known(store, namespace.job(JOB), status(namespace)["model"]["model"])


@pytest.fixture(scope="module")
def by_uri(namespace: Namespace, first: Known, store: Minio) -> Known:
    """What Keras answers by a model of which two more ModelServers serve the .keras: as it is, and made awkward."""
    job = namespace.job(JOB)
    last = next(one for one in job["status"]["results"]["models"] if one["name"] == "model.keras")
    more = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
    apply(
        server(CONVERTED, {"uri": last["uri"], "sha256": last["sha256"]}),
        server(BY_KERAS, put(store, "any-size.keras", of_any_size(first.files["model.keras"])), resources=more),
        namespace=namespace.name,
    )
    return known(store, job, "Last")


def test_it_waits_for_its_training(waited: Waited) -> None:
    assert waited.states == ["Waiting"] * 2
    assert waited.reasons == ["WaitsForTrainingJob"] * 2
    assert waited.children == ""


def test_it_tells_what_it_serves(namespace: Namespace, first: Known) -> None:
    found, job = status(namespace), namespace.job(JOB)
    model = found["model"]
    exports = [one for one in job["status"]["results"]["exports"] if one["model"] == model["model"]]
    assert [(model["uri"], model["sha256"])] == [(one["uri"], one["sha256"]) for one in exports]
    assert (model["trainingJobUID"], model["runtime"]) == (job["metadata"]["uid"], "ONNX")
    assert found["url"] == f"http://{NAME}.{namespace.name}.svc"
    wait("what it takes and gives", lambda: status(namespace)["model"].get("inputs"), seconds=10)
    told = status(namespace)["model"]
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
    address = url(namespace)
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
    code, told = ask(f"{url(namespace)}/predict", file.getvalue(), {"Content-Type": "image/png"})
    assert code == 200, told
    expected = int(first.answers[sample].argmax())
    assert (told["class"], told["name"]) == (expected, NAMES[expected])
    assert told["probability"] == pytest.approx(first.answers[sample].max(), abs=0.1)
    code, told = ask(f"{url(namespace)}/predict", file.getvalue()[:200], {"Content-Type": "image/png"})
    assert code == 400, told


def test_it_is_scaled_up_and_down_without_a_failed_request(namespace: Namespace, by_uri: Known, first: Known) -> None:
    with Asking(url(namespace), first) as asking:
        scale(namespace, 2)
        assert len(pods(namespace)) == 2
        time.sleep(1)
        scale(namespace, 1)
        wait("one of them to end", lambda: len(pods(namespace)) == 1, seconds=60)
    assert (asking.failures, len(asking.answers) > 20) == ([], True)
    assert asking.gave_only(first.answers)
    assert status(namespace)["state"] == "Ready"


def test_a_keras_file_is_converted_as_its_pod_starts(namespace: Namespace, by_uri: Known) -> None:
    assert ready(namespace, CONVERTED)["model"]["runtime"] == "ONNX"
    (pod,) = pods(namespace, CONVERTED).values()
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["convert"]
    assert ask(f"{url(namespace, CONVERTED)}/v2/models/{CONVERTED}")[1]["platform"] == "onnxruntime_onnx"
    np.testing.assert_allclose(infer(url(namespace, CONVERTED), CONVERTED, by_uri), by_uri.answers, atol=CLOSE)


def test_what_cannot_become_onnx_is_served_by_keras(namespace: Namespace, by_uri: Known) -> None:
    assert ready(namespace, BY_KERAS)["model"]["runtime"] == "Keras"
    (pod,) = pods(namespace, BY_KERAS).values()
    assert "initContainers" not in pod["spec"]
    assert "epochal-trainer" in pod["spec"]["containers"][0]["image"]
    assert "shrink" in events(namespace, BY_KERAS)["NotConvertible"]
    assert ask(f"{url(namespace, BY_KERAS)}/v2/models/{BY_KERAS}")[1]["platform"] == "keras"
    np.testing.assert_allclose(infer(url(namespace, BY_KERAS), BY_KERAS, by_uri), by_uri.answers, atol=CLOSE)


def is_stopped_by(reason: str, found: Object) -> bool:
    """Returns whether a status says that a rollout does not go on for a reason."""
    return any((one["type"], one["reason"]) == ("Progressing", reason) for one in found["conditions"])


@contextmanager
def serving_instead(namespace: Namespace) -> Iterator[None]:
    """Lets another source be named, and goes back to the training's model."""
    try:
        yield
    finally:
        patch(namespace, source={"trainingJobRef": {"name": JOB}, "uri": None, "sha256": None})
        ready(namespace)
        wait("the others to end", lambda: len(pods(namespace)) == 1, seconds=60)


def test_a_model_that_cannot_be_served_leaves_the_pods_of_before(
    namespace: Namespace, first: Known, store: Minio
) -> None:
    before, told = started(namespace), []
    half = first.files["model.onnx"][: len(first.files["model.onnx"]) // 2]
    sources = {
        "ModelDamaged": {"uri": status(namespace)["model"]["uri"], "sha256": "0" * 64},
        "ModelRefused": put(store, "half.onnx", half),
    }
    with Asking(url(namespace), first) as asking, serving_instead(namespace):
        for reason, source in sources.items():
            patch(namespace, source={"trainingJobRef": None, **source})
            told.append(await_server(namespace, reason, partial(is_stopped_by, reason)))
    for source, found in zip(sources.values(), told, strict=True):
        conditions = {one["type"]: one for one in found["conditions"]}
        assert {kind: one["status"] for kind, one in conditions.items()} == {
            "Ready": "True",
            "Progressing": "False",
            "Stalled": "True",
        }
        assert found["state"] == "Degraded"
        assert conditions["Progressing"]["message"].startswith(f"{source['uri']}: ")
    assert started(namespace) == before
    assert (asking.failures, len(asking.answers) > 20) == ([], True)
    assert asking.gave_only(first.answers)


def test_a_training_that_is_gone_does_not_matter(namespace: Namespace, first: Known) -> None:
    before = started(namespace)
    model = status(namespace)["model"]
    kubectl("delete", "tj", JOB, "--namespace", namespace.name)
    time.sleep(2)
    found = status(namespace)
    assert (found["state"], found["model"]) == ("Ready", model)
    assert started(namespace) == before


def test_a_job_that_is_trained_anew_is_rolled_out_without_a_failed_request(
    namespace: Namespace, first: Known, store: Minio
) -> None:
    old = status(namespace)["model"]
    before = pods(namespace)
    with Asking(url(namespace), first) as asking:
        namespace.apply(training(training__seed=8))
        namespace.complete(JOB)
        uid = namespace.job(JOB)["metadata"]["uid"]
        await_server(
            namespace,
            "of the new training",
            lambda found: found["state"] == "Ready" and found["model"]["trainingJobUID"] == uid,
        )
        wait("the pod of before to end", lambda: not set(before) & set(pods(namespace)), seconds=60)
        time.sleep(1)
    model = status(namespace)["model"]
    assert model["sha256"] != old["sha256"]
    second = known(store, namespace.job(JOB), model["model"])
    theirs = [infer(url(namespace), NAME, first)]
    assert (asking.failures, len(asking.answers) > 20) == ([], True)
    assert asking.gave_only(first.answers, *theirs)
    assert np.allclose(asking.answers[0], first.answers, atol=CLOSE)
    assert np.allclose(asking.answers[-1], theirs[0], atol=CLOSE)
    np.testing.assert_allclose(infer(url(namespace), NAME, second), second.answers, atol=CLOSE)


def test_deleted_it_takes_all_it_owns_away(namespace: Namespace, by_uri: Known) -> None:
    kubectl("delete", "msv", NAME, CONVERTED, BY_KERAS, "--namespace", namespace.name)

    def left() -> list[str]:
        found = kubectl("get", CHILDREN, "--namespace", namespace.name, "--output=name").splitlines()
        return [one for one in found if any(f"/{name}" in one for name in (NAME, CONVERTED, BY_KERAS))]

    wait("all to go", lambda: not left(), seconds=90, every=1)
    assert "model.onnx" in known(buckets.connect(), namespace.job(JOB), "Last").files, "the model stays"


@pytest.fixture
def from_bucket(namespace: Namespace, store: Minio) -> Iterator[Object]:
    """A ModelServer of a model that no training has left, and its status."""
    apply(server(FROM_BUCKET, put(store, "drawn.onnx", digits_model.model())), namespace=namespace.name)
    yield ready(namespace, FROM_BUCKET)
    kubectl("delete", "msv", FROM_BUCKET, "--namespace", namespace.name)


@pytest.mark.alone
def test_an_operator_that_starts_again_starts_no_pod_again(namespace: Namespace, from_bucket: Object) -> None:
    before = started(namespace, FROM_BUCKET)
    (pod,) = operator.pods()
    kubectl("delete", "pod", pod, "--namespace", operator.NAMESPACE)
    kubectl("rollout", "status", "deployment/epochal", "--namespace", operator.NAMESPACE, "--timeout=90s")
    kubectl("annotate", "msv", FROM_BUCKET, "seen=again", "--namespace", namespace.name)
    kubectl("scale", f"msv/{FROM_BUCKET}", "--replicas=2", "--namespace", namespace.name)
    await_server(namespace, "of 2", lambda found: found["readyReplicas"] == 2, FROM_BUCKET)
    after = started(namespace, FROM_BUCKET)
    assert before.items() <= after.items()
