"""Served models for the pages of Studio: the real server as a process, behind the proxy of the fake API server.

with studio(folder) as found, serve_digits(found, folder / "digits") as process:
    page.goto(f"{found.url}/…")  # the ModelServer `digits` is Ready, with one pod
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.kit import digits_model
from tests.kit.model_server import running
from tests.kit.models import check_of, digest, sigmoid, signature
from tests.kit.served import DIGITS, spec
from tests.kit.serving import Process
from tests.kit.studio import NAMESPACE, SECRET, Studio
from tests.kit.studio_runs import condition

SAMPLES = [[0.5, -1.5, 2.0], [1.0, -1.5, 0.0]]
"""Samples of the model of `serve_table`, for which it gives 0.97 and 0.12."""


@contextmanager
def serve_digits(studio: Studio, folder: Path, name: str = "digits", *, key: str = "") -> Iterator[Process]:
    """Runs a ModelServer that reads drawn digits (`digits_model.DRAWN`), and yields the process of its pod.

    Args:
        studio: A running Studio.
        folder: An empty folder for the process.
        name: Name of the ModelServer.
        key: Its only API key, of at least 16 characters; "" for a server without keys.
    """
    folder.mkdir(exist_ok=True)
    keys = {"first": key} if key else None
    model, made = digits_model.model(), digits_model.signature()
    with running(folder, model, made, keys=keys, name=name, images="Digit", classes=list(DIGITS)) as process:
        _put(studio, name, process, model, images="Digit", output=digits_model.OUTPUT, key=key)
        yield process


@contextmanager
def serve_table(studio: Studio, folder: Path, name: str = "table", *, key: str = "") -> Iterator[Process]:
    """Runs a ModelServer of three numbers, `features`, whose classes are no and yes. See `serve_digits`."""
    folder.mkdir(exist_ok=True)
    model, features = sigmoid(np.array([1, 2, 3])), np.array(SAMPLES, np.float32)
    probability = 1 / (1 + np.exp(-features @ [[1], [2], [3]]))
    check = check_of({"features": features}, {"probability": probability.astype(np.float32)})
    output, classes = spec("probability", [1]), ["no", "yes"]
    made = signature(outputs=[output], onnx_file=model, check=check, probabilities=True, classes=classes)
    keys = {"first": key} if key else None
    with running(folder, model, made.model_dump_json().encode(), check=check, keys=keys, name=name) as process:
        _put(studio, name, process, model, images="None", output="probability", key=key)
        yield process


def _put(studio: Studio, name: str, process: Process, model: bytes, *, images: str, output: str, key: str) -> None:
    """Creates the ModelServer and its pod, as the operator leaves them, and the proxy's ways to the process."""
    uri = f"s3://models/{name}/model.onnx"
    source = {"uri": uri, "sha256": digest(model)}
    served = {"source": source, "images": {"mode": images}, "storage": {"secretRef": {"name": SECRET}}}
    if key:
        served |= {"auth": {"secretRef": {"name": f"{name}-keys"}}}
    uid = studio.put("modelservers", name, served)["metadata"]["uid"]
    outputs = [{"name": output, "shape": [], "dtype": "float32"}]
    studio.set_status(
        "modelservers",
        name,
        state="Ready",
        url=f"http://{name}.{NAMESPACE}.svc",
        replicas=1,
        readyReplicas=1,
        model={**source, "outputs": outputs},
        conditions=[condition("Ready", "True", "PodsReady", "1 of 1 pods answer")],
    )
    pod, objects = f"{name}-0", studio.cluster.objects
    labels = {"epochal.dev/modelserver": name, "epochal.dev/modelserver-uid": uid}
    document = {"metadata": {"name": pod, "labels": labels}, "spec": {}}
    studio.cluster.call(objects.create, "pods", NAMESPACE, document)
    status = {"status": {"phase": "Running"}}
    studio.cluster.call(objects.patch, "pods", NAMESPACE, pod, status, subresource="status")
    proxies = studio.server.proxies
    proxies["services", NAMESPACE, f"{name}:http"] = process.url
    proxies["pods", NAMESPACE, f"{pod}:9090"] = f"http://127.0.0.1:{process.metrics_port}"
