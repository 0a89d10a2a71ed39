"""Servers on the local cluster: time until ready, memory, and failed requests."""

import queue
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Figure, percentile, spread
from tests.bench.schedule import timed
from tests.bench.serving import wrk
from tests.bench.serving.networks import MNIST, batches, trained
from tests.kit import buckets, operator, proc
from tests.kit.inference import infer_requests, judge
from tests.kit.kubectl import Object, apply, kubectl, wait
from tests.kit.load import Load, SentRequest
from tests.kit.servers import Server, ready_since

NAMESPACE = "bench-serving"
NAME = "mnist"
BUCKET = "bench-models"
SEEDS = 7, 8
"""Two networks that answer differently, which are rolled out in turn."""
STARTS = 10
START_SECONDS = 2
MEGABYTES = 150
TIMES = 20
"""Number of rollouts and of terminated pods."""
REPLICAS = 2
LOAD_SECONDS = 10
LATE_SECONDS = 60


class Bed:
    """A namespace, and two networks of which a server can serve either."""

    def __init__(self, mnist: Path, folder: Path) -> None:
        store = buckets.connect()
        self.networks = [trained(MNIST, folder, seed=seed) for seed in SEEDS]
        self.sources = [
            network.put(store, BUCKET, f"{NAME}-{seed}") for network, seed in zip(self.networks, SEEDS, strict=True)
        ]
        self.batches = batches(mnist)
        self.infer_requests = infer_requests(NAME, self.networks[0].names, self.batches)
        self.requests = wrk.write(folder / "requests", self.infer_requests)
        self.server = Server(NAMESPACE, NAME)

    def load(self) -> Load:
        models = {source["sha256"]: network.onnx for source, network in zip(self.sources, self.networks, strict=True)}
        url = f"{self.server.url}{self.infer_requests.path}"
        return Load(url, self.infer_requests.bodies, self.infer_requests.headers, judge(models, self.batches))


def on_cluster(mnist: Path) -> list[Figure]:
    """Measures a server of the network of mnist.yaml in a new namespace."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", timeout=300)
    apply(*buckets.namespace_with_credentials(NAMESPACE, *buckets.credentials()))
    with tempfile.TemporaryDirectory() as folder:
        bed = Bed(mnist, Path(folder))
        bed.server.apply(bed.sources[0])
        bed.server.wait_ready(bed.sources[0]["sha256"])
        found = [start(bed), memory(bed)]
        bed.server.patch(replicas=REPLICAS)
        bed.server.wait_ready()
        found += [rollouts(bed), ends(bed)]
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    return found


def start(bed: Bed) -> Figure:
    """Measures how soon a new pod is ready, as a watch sees it."""
    whole: list[float] = []
    of_container: list[float] = []
    for _ in range(STARTS):
        bed.server.patch(replicas=0)
        wait("no pod", lambda: not bed.server.pods(), seconds=LATE_SECONDS)
        with timed(NAMESPACE, "pods") as pods:
            bed.server.patch(replicas=1)
            created, started, ready = _stages(pods)
        whole.append(ready - created)
        of_container.append(ready - started)
    return Figure(
        "a server's pod, the image there: created -> ready",
        "",
        f"{spread(whole)}; from its container's start: {spread(of_container)}",
        f"at most {START_SECONDS} s",
        max(whole) <= START_SECONDS,
    )


def _stages(pods: queue.Queue[tuple[float, Object]]) -> tuple[float, float, float]:
    """Returns when a new pod was created, when its container ran, and when it was ready."""
    first: dict[str, tuple[float, float]] = {}
    while True:
        at, pod = pods.get(timeout=LATE_SECONDS)
        if "deletionTimestamp" in pod["metadata"]:
            continue
        created, started = first.get(pod["metadata"]["uid"], (at, 0.0))
        if not started and pod["status"].get("phase") == "Running":
            started = at
        first[pod["metadata"]["uid"]] = created, started
        if ready_since(pod):
            return created, started, at


def memory(bed: Bed) -> Figure:
    """Measures the most memory that a server under full load takes."""
    bed.server.wait_ready()
    (pod,) = bed.server.ready_pods()
    pid = operator.process_of(pod["metadata"]["uid"])
    idle = proc.peak(pid)
    load = wrk.load(bed.server.url, bed.requests, connections=32, seconds=LOAD_SECONDS)
    peak = proc.peak(pid)
    return Figure(
        f"memory of a server, the network of mnist.yaml, at its peak, {LOAD_SECONDS} s of load",
        f"before any: {idle:.0f} MB; {load.rate:.0f} requests/s, {load.failed} failed",
        f"{peak:.0f} MB",
        f"at most {MEGABYTES} MB",
        peak <= MEGABYTES,
    )


def rollouts(bed: Bed) -> Figure:
    """Rolls out two networks in turn while requests come."""
    with bed.load() as load:
        for number in range(TIMES):
            source = bed.sources[(number + 1) % 2]
            bed.server.patch(source=source)
            bed.server.wait_ready(source["sha256"])
    assert {request.by for request in load.asked} >= {source["sha256"] for source in bed.sources}, (
        "nothing was rolled out"
    )
    return failures(f"requests that failed during {TIMES} rollouts", load.asked)


def ends(bed: Bed) -> Figure:
    """Deletes pods, one after another, while requests come."""
    with bed.load() as load:
        for _ in range(TIMES):
            oldest = bed.server.ready_pods()[0]["metadata"]["name"]
            kubectl("delete", "pod", oldest, "--namespace", NAMESPACE)
            wait("its successor", lambda: len(bed.server.ready_pods()) == REPLICAS, seconds=LATE_SECONDS)
    return failures(f"requests that failed while {TIMES} pods were told to end", load.asked)


def failures(name: str, asked: Sequence[SentRequest]) -> Figure:
    """Returns how many requests failed."""
    failed = [request for request in asked if not request.answered]
    for request in failed[:5]:
        print(f"  {request}", flush=True)
    slowest = percentile([request.seconds for request in asked], 0.999) * 1000
    return Figure(
        f"{name}, {REPLICAS} replicas",
        f"{len(asked)} requests, 99.9 % of them within {slowest:.0f} ms",
        str(len(failed)),
        "0",
        not failed,
    )
