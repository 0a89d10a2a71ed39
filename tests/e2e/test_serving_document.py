"""The commands in docs/serving.md work on a cluster."""

import io
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from minio import Minio
from sklearn.datasets import load_digits

from tests.kit import digits_model
from tests.kit.documents import Block, blocks, commands, run, run_by_heading
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import wait
from tests.kit.model_server import ask
from tests.kit.open_ports import open_ports
from tests.kit.servers import Server

PAGE, README = "docs/serving.md", "README.md"
ROLLOUTS = "Roll out another model"
"""Heading of the table that has commands in its cells."""
ROLLBACK = "go back to the previous model"
"""A command that test_modelserver_rollout runs."""
OBJECT = "e2e-serving/digits.npz"
SECONDS = 240
pytestmark = pytest.mark.timeout(SECONDS + 240)
PAUSE = Block("", "sh", "until (exec 3<> /dev/tcp/localhost/8000) 2> /dev/null; do sleep 0.1; done\n")
"""Waits for the port-forward, which runs in the background."""


def mnist() -> bytes:
    """Returns data in the shape of MNIST: images of 28 × 28 bytes."""
    small, labels = load_digits(return_X_y=True)
    large = np.kron(small.reshape(-1, 8, 8), np.ones((3, 3)))
    file = io.BytesIO()
    images = np.pad(large * 15.9, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    np.savez_compressed(file, x=images[..., np.newaxis], y=labels)
    return file.getvalue()


def as_here(text: str, namespace: Namespace) -> str:
    """Returns commands for this namespace, in place of that of `make demo`."""
    return text.replace("--namespace demo", f"--namespace {namespace.name}")


@pytest.fixture(scope="module")
def server(namespace: Namespace, store: Minio) -> Server:
    """The ModelServer of the page; so far only its TrainingJob exists."""
    job = digits(
        "mnist",
        data__train={"object": OBJECT},
        data__test=None,
        network__input={"shape": [28, 28, 1]},
        network__layers=[
            {"layer": "Rescaling", "scale": 1 / 255},
            {"layer": "Flatten"},
            {"layer": "Dense", "units": 10, "activation": "softmax"},
        ],
        training__epochs=1,
        training__callbacks=None,
        results__exports=["onnx"],
    )
    content = mnist()
    store.put_object(job["spec"]["data"]["bucket"], OBJECT, io.BytesIO(content), len(content))
    namespace.apply(job)
    namespace.complete("mnist")
    return Server(namespace.name, "mnist")


@pytest.fixture(scope="module")
def printed(namespace: Namespace, server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The output of all blocks of the page, by the heading above them."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "photo.jpg").write_bytes(digits_model.photograph(7))
    first, *others = blocks(PAGE, "sh", "python")
    parts = [part._replace(text=as_here(part.text, namespace)) for part in (first, PAUSE, *others)]
    return run_by_heading(parts, folder, timeout=SECONDS)


def test_the_commands_serve_the_model(printed: dict[str, str], server: Server) -> None:
    assert "modelserver.epochal.dev/mnist condition met" in printed["Serve a model"]
    model = server.wait_ready()["model"]
    assert printed["Model source: TrainingJob, Experiment or URI"] == f"Last {model['uri']} {model['sha256']}\n"
    assert '"name":"mnist"' in printed["Protocols"].replace(" ", "")


def test_the_commands_get_answers_in_all_protocols(printed: dict[str, str]) -> None:
    assert '"probability":' in printed["Photographs"]
    assert len(printed["Open Inference"].splitlines()[0].split()) == 2
    assert printed["Watson Machine Learning"].startswith('{"predictions":')
    assert '"predictions"' in printed["TensorFlow Serving"]


def test_the_command_scales_the_server(printed: dict[str, str], server: Server) -> None:
    assert "modelserver.epochal.dev/mnist scaled" in printed["Replicas and autoscaling"]
    assert server.wait_ready()["readyReplicas"] == 2


def test_the_server_requires_a_key_after_the_command(printed: dict[str, str], server: Server) -> None:
    assert "modelserver.epochal.dev/mnist patched" in printed["API keys, TLS and NetworkPolicy"]
    server.wait_ready()
    # The pods of before, which ask for no key, take requests for some seconds more.
    wait("a key to be asked for", lambda: ask(f"{server.url}/v2/models/digits")[0] == 401, seconds=60)


def test_the_readme_has_the_same_commands() -> None:
    readme, page = (
        {line.partition(" &")[0] for part in parts for line in part.text.splitlines()}
        for parts in (blocks(README, "sh", under="Serve the model, and show it a photograph"), blocks(PAGE, "sh"))
    )
    assert readme <= page


def test_make_open_offers_the_page_to_a_machine_outside_of_the_cluster(printed: dict[str, str], server: Server) -> None:
    with open_ports() as ports:
        url = ports.url(f"ModelServer {server.namespace}/{server.name}")
        outside = ["nsenter", f"--net={ports.network}"]
        curl = [*outside, "curl", "--silent", "--max-time", "10", url]
        assert "<html" in subprocess.run(curl, check=True, capture_output=True, text=True).stdout
        port = url.rpartition(":")[2]
        idle = ["bash", "-c", f"exec 3<> /dev/tcp/127.0.0.1/{port}; echo connected; exec sleep 60"]
        with subprocess.Popen([*outside, *idle], stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            client.stdout.readline()
            ports.process.send_signal(signal.SIGINT)
            ports.process.wait(10)
            client.kill()


def test_the_rollout_commands_work(printed: dict[str, str], server: Server, kubeconfig: str, tmp_path: Path) -> None:
    known = commands(PAGE, ROLLOUTS)
    known.pop(ROLLBACK)
    restart, hold, stop = (
        known.pop(what)
        for what in (
            "restart all pods, one after another",
            "pause rollouts, until it is false",
            "stop all pods",
        )
    )
    (wait_for_it,) = known.values()

    def type_in(*lines: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        return "".join(
            run([Block("", "sh", f"{line}\n") for line in lines], folder, timeout=SECONDS, KUBECONFIG=kubeconfig)
        )

    server.wait_ready()
    before = server.started()
    assert "successfully rolled out" in type_in(restart, wait_for_it)
    server.wait_ready()
    assert not before.keys() & {pod["metadata"]["name"] for pod in server.ready_pods()}
    type_in(hold)
    server.patch(batching={"maxSize": 8})
    server.wait_condition("Progressing", "Unknown", reason="Paused")
    server.patch(paused=False)
    type_in(stop)
    server.wait_condition("Ready", "False", reason="Stopped")
