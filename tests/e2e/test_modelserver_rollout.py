"""What a ModelServer rolls out, and when: held back, checked, scaled by load, and of an Experiment."""

import io
import json
from functools import partial

import numpy as np
import onnxruntime
import pytest
from minio import Minio

from tests.kit import digits_model, operator
from tests.kit.jobs import DIGITS, Namespace, search
from tests.kit.known import CLOSE, infer, known
from tests.kit.kubectl import Object, apply, get, kubectl, wait
from tests.kit.model_server import ask
from tests.kit.models import check_of, digest
from tests.kit.servers import Server

NAME, BEST, SEARCH = "drawn", "best", "search"
BUCKET, FOLDER = DIGITS["spec"]["results"]["bucket"], "e2e-modelserver/rollout"
SAMPLES = 3
SEARCH_SECONDS = 180


def samples() -> np.ndarray:
    """Returns images of noise: what they show does not matter."""
    shape = (SAMPLES, digits_model.SIDE, digits_model.SIDE, 1)
    return np.random.default_rng(0).random(shape, np.float32)


def answers() -> np.ndarray:
    """Returns what the model answers to them."""
    (found,) = onnxruntime.InferenceSession(digits_model.model()).run(None, {digits_model.INPUT: samples()})
    return np.asarray(found)


def put(store: Minio, folder: str, stored: np.ndarray) -> Object:
    """Puts the model into a folder, with answers to samples beside it, and returns it as a source."""
    check = check_of({digits_model.INPUT: samples()}, {digits_model.OUTPUT: stored})
    signature = digits_model.signature(check={"name": "check.npz", "sha256": digest(check)})
    files = {"model.onnx": digits_model.model(), "check.npz": check, "signature.json": signature}
    for name, content in files.items():
        store.put_object(BUCKET, f"{FOLDER}/{folder}/{name}", io.BytesIO(content), len(content))
    return {"uri": f"s3://{BUCKET}/{FOLDER}/{folder}/model.onnx", "sha256": digits_model.sha256()}


@pytest.fixture(scope="module")
def searched(namespace: Namespace) -> Server:
    """A ModelServer of an Experiment that runs meanwhile."""
    server = Server(namespace.name, BEST)
    server.apply({"experimentRef": {"name": SEARCH}})
    server.wait_condition("Progressing", "True", reason="WaitsForExperiment")
    apply(search(SEARCH, {"results__exports": ["onnx"]}), namespace=namespace.name)
    return server


@pytest.fixture(scope="module")
def source(store: Minio) -> Object:
    return put(store, "first", answers())


@pytest.fixture(scope="module")
def server(namespace: Namespace, source: Object) -> Server:
    """A ModelServer that serves."""
    found = Server(namespace.name, NAME)
    found.apply(source)
    found.wait_ready()
    return found


def is_answered(server: Server) -> bool:
    image = {"name": digits_model.INPUT, "shape": samples().shape, "datatype": "FP32", "data": samples().tolist()}
    code, told = ask(f"{server.url}/v2/models/{server.name}/infer", json.dumps({"inputs": [image]}).encode())
    return code == 200 and np.allclose(np.ravel(told["outputs"][0]["data"]), answers().ravel(), atol=CLOSE)


def test_paused_nothing_is_rolled_out(searched: Server, server: Server) -> None:
    before = server.started()
    server.patch(paused=True, batching={"maxSize": 16})
    message = server.wait_condition("Progressing", "Unknown", reason="Paused")["message"]
    assert "spec.paused" in message
    assert (server.status["state"], server.condition("Stalled")["status"]) == ("Ready", "False")
    assert server.started() == before
    assert is_answered(server)
    server.patch(paused=False)
    server.wait_ready()
    assert not before.keys() & {pod["metadata"]["name"] for pod in server.ready_pods()}
    assert is_answered(server)


def test_a_model_that_answers_otherwise_than_it_did_leaves_the_pods_of_before(
    server: Server, source: Object, store: Minio
) -> None:
    wait("the pod of before to end", lambda: len(server.pods()) == 1, seconds=60)
    before = server.started()
    altered = put(store, "altered", answers()[:, ::-1])
    server.patch(source=altered)
    message = server.wait_condition("Progressing", "False", reason="CheckDiffers")["message"]
    assert message.startswith(f'{altered["uri"]}: output "{digits_model.OUTPUT}": differs by ')
    assert (server.status["state"], server.condition("Stalled")["status"]) == ("Degraded", "True")
    assert server.condition("Ready")["status"] == "True"
    assert before.items() <= server.started().items()
    assert is_answered(server)
    server.patch(source=source)
    server.wait_ready()
    assert server.started() == before, "what serves already starts no more"


def test_load_scales_the_modelserver(server: Server) -> None:
    server.patch(autoscaling={"minReplicas": 2, "maxReplicas": 3})
    of_it = partial(get, "modelserver", NAME, namespace=server.namespace)
    wait("it to be scaled", lambda: of_it()["spec"]["replicas"] == 2, seconds=60)
    assert server.wait_ready()["readyReplicas"] == 2
    scaler = partial(get, "horizontalpodautoscaler", NAME, namespace=server.namespace)
    # It finds the ModelServer. Of the load of its pods it knows nothing on this cluster, which has no metrics server.
    wait("what it sees", lambda: "ScalingActive" in conditions(scaler()), seconds=60)
    assert conditions(scaler())["AbleToScale"]["status"] == "True"
    assert conditions(scaler())["ScalingActive"]["reason"] == "FailedGetResourceMetric"
    server.patch(autoscaling=None)
    wait("it to go", lambda: NAME not in scalers(server), seconds=30)
    assert server.wait_ready()["readyReplicas"] == 2, "the number of pods stays"


def conditions(scaler: Object) -> dict[str, Object]:
    return {one["type"]: one for one in scaler.get("status", {}).get("conditions") or []}


def scalers(server: Server) -> list[str]:
    found = get("horizontalpodautoscalers", namespace=server.namespace)["items"]
    return [one["metadata"]["name"] for one in found]


def test_the_best_model_of_an_experiment_is_served_once_it_is_complete(
    namespace: Namespace, searched: Server, store: Minio
) -> None:
    told = searched.wait_ready(seconds=SEARCH_SECONDS)["model"]
    best = get("experiment", SEARCH, namespace=namespace.name)["status"]["best"]["jobName"]
    assert (told["experimentName"], told["trainingJobName"]) == (SEARCH, best)
    job = namespace.job(best)
    assert told["uri"] in {one["uri"] for one in job["status"]["results"]["exports"]}
    left = known(store, job, told["model"])
    np.testing.assert_allclose(infer(searched.url, BEST, left), left.answers, atol=CLOSE)


@pytest.mark.alone
def test_an_operator_that_starts_again_starts_no_pod_again(server: Server) -> None:
    before = server.started()
    (pod,) = operator.pods()
    kubectl("delete", "pod", pod, "--namespace", operator.NAMESPACE)
    kubectl("rollout", "status", "deployment/epochal", "--namespace", operator.NAMESPACE, "--timeout=90s")
    kubectl("annotate", "msv", NAME, "seen=again", "--namespace", server.namespace)
    kubectl("scale", f"msv/{NAME}", "--replicas=3", "--namespace", server.namespace)
    server.wait("have 3 pods", lambda found: found.get("readyReplicas") == 3)
    assert before.items() <= server.started().items()
