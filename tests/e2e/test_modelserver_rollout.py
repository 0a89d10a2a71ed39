"""Rollouts of a ModelServer: paused, checked, scaled by load, and of an Experiment."""

import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from minio import Minio

from tests.kit import digits_model, operator
from tests.kit.documents import Block, commands, run
from tests.kit.jobs import DIGITS, Namespace, search
from tests.kit.kubectl import Object, apply, get, kubectl, wait
from tests.kit.model_server import ask
from tests.kit.models import check_of, digest
from tests.kit.servers import Server
from tests.kit.stored_samples import CLOSE, infer, stored_samples

NAME, BEST, SEARCH = "drawn", "best", "search"
BUCKET, FOLDER = DIGITS["spec"]["results"]["bucket"], "e2e-modelserver/rollout"
SAMPLES = 3
SEARCH_SECONDS = 180


def samples() -> np.ndarray:
    """Returns images of noise."""
    shape = (SAMPLES, digits_model.SIDE, digits_model.SIDE, 1)
    return np.random.default_rng(0).random(shape, np.float32)


def answers() -> np.ndarray:
    """Returns the answers of the model to the samples."""
    (found,) = onnxruntime.InferenceSession(digits_model.model()).run(None, {digits_model.INPUT: samples()})
    return np.asarray(found)


def put(store: Minio, folder: str, stored: np.ndarray) -> Object:
    """Puts the model into a folder with stored answers to the samples, and returns a source for it."""
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
    code, answer = ask(f"{server.url}/v2/models/{server.name}/infer", json.dumps({"inputs": [image]}).encode())
    return code == 200 and np.allclose(np.ravel(answer["outputs"][0]["data"]), answers().ravel(), atol=CLOSE)


def test_a_paused_server_rolls_out_nothing(searched: Server, server: Server) -> None:
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


def test_a_model_that_fails_its_check_keeps_the_old_pods(
    server: Server, source: Object, store: Minio, kubeconfig: str, tmp_path: Path
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
    assert source.items() <= server.status["previous"].items()
    command = commands("docs/serving.md", "Roll out another model")["go back to the previous model"]
    rollback = Block("", "sh", command.replace("msv mnist", f"msv {NAME}") + "\n")
    run([rollback], tmp_path, timeout=60, KUBECONFIG=kubeconfig)
    assert get("modelserver", NAME, namespace=server.namespace)["spec"]["source"] == source
    assert "previous" not in server.wait_ready()
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
    return {condition["type"]: condition for condition in scaler.get("status", {}).get("conditions") or []}


def scalers(server: Server) -> list[str]:
    found = get("horizontalpodautoscalers", namespace=server.namespace)["items"]
    return [item["metadata"]["name"] for item in found]


def test_the_best_model_of_an_experiment_is_served_once_it_is_complete(
    namespace: Namespace, searched: Server, store: Minio
) -> None:
    model = searched.wait_ready(seconds=SEARCH_SECONDS)["model"]
    best = get("experiment", SEARCH, namespace=namespace.name)["status"]["best"]["jobName"]
    assert (model["experimentName"], model["trainingJobName"]) == (SEARCH, best)
    job = namespace.job(best)
    assert model["uri"] in {export["uri"] for export in job["status"]["results"]["exports"]}
    left = stored_samples(store, job, model["model"])
    np.testing.assert_allclose(infer(searched.url, BEST, left), left.answers, atol=CLOSE)


@pytest.mark.alone
def test_a_restart_of_the_operator_restarts_no_pod(server: Server) -> None:
    before = server.started()
    (pod,) = operator.pods()
    kubectl("delete", "pod", pod, "--namespace", operator.NAMESPACE)
    kubectl("rollout", "status", "deployment/epochal", "--namespace", operator.NAMESPACE, "--timeout=90s")
    kubectl("annotate", "msv", NAME, "seen=again", "--namespace", server.namespace)
    kubectl("scale", f"msv/{NAME}", "--replicas=3", "--namespace", server.namespace)
    server.wait("have 3 pods", lambda found: found.get("readyReplicas") == 3)
    assert before.items() <= server.started().items()
