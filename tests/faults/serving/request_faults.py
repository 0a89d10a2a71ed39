"""Requests made to stop a server, beside which plain requests are answered; and a full queue without clients."""

import os
import signal
import time
import traceback
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from epochal_api.modelserver.pod import HTTP_PORT

from tests.faults import node
from tests.faults.serving.bed import BUCKET, Bed, images, storage
from tests.faults.serving.clients import Clients, Request
from tests.faults.serving.hostile import of_bodies, of_sheets
from tests.faults.serving.networks import numbers, slow
from tests.faults.serving.scenario import Outcome, broken_promises
from tests.kit import operator, proc
from tests.kit.inference import infer_requests
from tests.kit.kubectl import Object, wait
from tests.kit.load import SentRequest
from tests.kit.servers import RESOURCES, Server
from tests.kit.trained_model import TrainedModel

SECONDS = 20
"""Duration of the hostile requests."""
WITHIN_SECONDS = 1.0
"""Longest that a plain request takes."""
QUEUED, WAITING = 128, 192
"""Requests that may wait, and clients that ask: more than may."""
FULL_SECONDS, STOPPED_SECONDS, AFTER_SECONDS = 2, 10, 5
READY_SECONDS = 30
LIMIT = 512 * 2**20
"""Bytes of memory that the container may take."""
assert RESOURCES["limits"]["memory"] == "512Mi"


@dataclass(frozen=True)
class Hostile:
    """Hostile requests beside plain ones, to a server of a network with changed fields."""

    name: str
    network: Callable[[Bed], TrainedModel]
    requests: Callable[[str, TrainedModel], Sequence[Sequence[Request]]]
    changes: Object = field(default_factory=dict)

    def make(self, bed: Bed) -> Outcome:
        """Runs a server of one pod, clients with hostile requests, and two connections with plain requests."""
        return _made(self.name, bed, self.network(bed), self._run, **self.changes)

    def _run(self, bed: Bed, server: Server, network: TrainedModel) -> "_Run":
        requests = self.requests(server.name, network)
        with Clients(server.url, requests) as hostile, bed.load(server, network, connections=2, pause=0.05) as load:
            time.sleep(SECONDS)
        notes, wrong = [], []
        for name in [request.name for client in requests for request in client]:
            found = {answer: count for (kind, answer), count in hostile.answers.items() if kind == name}
            notes.append(f"{name}: {', '.join(f'{count} × {answer}' for answer, count in sorted(found.items()))}")
            if not found:
                wrong.append(f"{name}: no request was answered within {SECONDS} s")
        return _Run(load.asked, "; ".join(notes), wrong)


@dataclass(frozen=True)
class Stopped:
    """The server process is stopped with a full queue, its clients leave, and it is resumed."""

    name: str = "server stopped with a full queue, clients gone"

    def make(self, bed: Bed) -> Outcome:
        """Runs a server of one pod, whose network takes milliseconds an image."""
        return _made(self.name, bed, slow(bed.folder), self._run, limits={"queuedRequests": QUEUED})

    def _run(self, bed: Bed, server: Server, network: TrainedModel) -> "_Run":
        (pod,) = server.ready_pods()
        pid = operator.process_of(pod["metadata"]["uid"])
        direct = _direct(server, pod)
        plain = bed.load(direct, network, connections=1, pause=0.05)
        try:
            with Clients(direct.url, _plain(server.name, network, WAITING)) as clients:
                time.sleep(FULL_SECONDS)
                os.kill(pid, signal.SIGSTOP)
                time.sleep(STOPPED_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)
        runs = time.time()
        with plain:
            time.sleep(AFTER_SECONDS)
        server.wait_ready(network.sha256(), READY_SECONDS)
        refused = sum(count for (_, answer), count in clients.answers.items() if answer == "429")
        wrong = [] if refused else ["the queue was never full"]
        answered = [request.at + request.seconds - runs for request in plain.asked if request.answered]
        first = min(answered, default=float("inf"))
        if first > WITHIN_SECONDS:
            wrong.append(f"the first answer came after {first:.2f} s")
        asked = [request for request in plain.asked if request.at > runs + WITHIN_SECONDS or request.status != 429]
        return _Run(asked, f"{refused} requests were refused before; the first answer came after {first:.2f} s", wrong)


def _direct(server: Server, pod: Object) -> Server:
    """Returns a server as reached by its pod's address: its Service has no address while the pod is not ready."""
    direct = Server(server.namespace, server.name)
    direct.url = f"http://{pod['status']['podIP']}:{HTTP_PORT}"
    return direct


def _plain(name: str, network: TrainedModel, count: int) -> list[list[Request]]:
    """Returns plain requests, a client each."""
    asked = infer_requests(name, network.names, images(network.signature.inputs[0].shape))
    return [
        [Request("plain", asked.path, asked.bodies[number % len(asked.bodies)], asked.headers)]
        for number in range(count)
    ]


@dataclass(frozen=True)
class _Run:
    """The plain requests, notes and broken promises of a run."""

    asked: Sequence[SentRequest]
    notes: str
    wrong: Sequence[str]


def _made(
    name: str, bed: Bed, network: TrainedModel, run: Callable[[Bed, Server, TrainedModel], _Run], **changes: Any
) -> Outcome:
    """Runs a server of one pod with the fault, and returns the outcome."""
    server = Server(bed.namespace, f"{network.name}-disturbed")
    source = network.put(bed.store, BUCKET, server.name)
    server.apply(source, storage=storage(bed.proxy), **changes)
    try:
        server.wait_ready(source["sha256"])
        wait("the Service to lead to the pod", lambda: _answers(server), seconds=READY_SECONDS, every=0.1)
        (pod,) = server.ready_pods()
        pid = operator.process_of(pod["metadata"]["uid"])
        proc.forget_peak(pid)
        kills = node.oom_kills(pid)
        ran = run(bed, server, network)
        wrong = [*ran.wrong, *broken_promises(ran.asked), *_late(ran.asked)]
        if restarts := server.restarts(pod["metadata"]["name"]):
            return Outcome(name, tuple(ran.asked), ran.notes, (*wrong, f"the server restarted {restarts} times"))
        if killed := node.oom_kills(pid) - kills:
            wrong.append(f"the kernel killed {killed} processes for memory")
        if (peak := proc.peak(pid)) >= LIMIT / 1e6:
            wrong.append(f"the server took {peak:.0f} MB, its limit is {LIMIT / 1e6:.0f} MB")
        return Outcome(name, tuple(ran.asked), f"{ran.notes}; {peak:.0f} MB", tuple(wrong))
    except Exception as error:  # noqa: BLE001 - a fault that is not survived is a result, too
        wrong = [f"{type(error).__name__}: {error}".partition("\n")[0]]
        return Outcome(name, wrong=tuple(wrong), trace=traceback.format_exc())
    finally:
        server.delete()


def _answers(server: Server) -> bool:
    """Return whether the server answers at its Service: the node learns the address of a ready pod up to 1 s later."""
    with suppress(OSError), urllib.request.urlopen(f"{server.url}/v2/health/ready", timeout=1) as answer:
        return bool(answer.status == 200)
    return False


def _late(asked: Sequence[SentRequest]) -> list[str]:
    late = [request for request in asked if request.seconds > WITHIN_SECONDS]
    if not late:
        return []
    after = min(request.at for request in late) - min(request.at for request in asked)
    longest = max(request.seconds for request in late)
    return [f"{len(late)} plain requests took up to {longest:.2f} s, first {after:.1f} s after the start"]


SCENARIOS = (
    Stopped(),
    Hostile("hostile JSON beside plain requests", lambda bed: numbers(bed.folder), of_bodies),
    Hostile(
        "hostile photographs beside plain requests",
        lambda bed: bed.network,
        lambda *_: of_sheets(),
        {"images": {"mode": "Digit"}},
    ),
)
