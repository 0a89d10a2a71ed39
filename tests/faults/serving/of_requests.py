"""Requests made to stop a server, beside which plain requests are answered; and a full queue without clients."""

import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
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
from tests.kit.inference import questions
from tests.kit.kubectl import Object
from tests.kit.load import Asked
from tests.kit.servers import RESOURCES, Server
from tests.kit.trained import Trained

SECONDS = 20
"""How long hostile requests come."""
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
    """Requests that once stopped a server, beside plain ones.

    Args:
        name: What the table calls it.
        network: Returns the network that is served.
        requests: Returns the hostile requests of each client, by the server's name and the network.
        changes: Fields of the ModelServer's spec.
    """

    name: str
    network: Callable[[Bed], Trained]
    requests: Callable[[str, Trained], Sequence[Sequence[Request]]]
    changes: Object = field(default_factory=dict)

    def make(self, bed: Bed) -> Outcome:
        """Makes it: a server of one pod, clients with hostile requests, and two connections with plain ones."""
        return _made(self.name, bed, self.network(bed), self._run, **self.changes)

    def _run(self, bed: Bed, server: Server, network: Trained) -> "_Run":
        requests = self.requests(server.name, network)
        with Clients(server.url, requests) as hostile, bed.load(server, network, connections=2, pause=0.05) as load:
            time.sleep(SECONDS)
        told, wrong = [], []
        for name in [request.name for client in requests for request in client]:
            found = {answer: count for (kind, answer), count in hostile.answers.items() if kind == name}
            told.append(f"{name}: {', '.join(f'{count} × {answer}' for answer, count in sorted(found.items()))}")
            if not found:
                wrong.append(f"{name}: no request was answered within {SECONDS} s")
        return _Run(load.asked, "; ".join(told), wrong)


@dataclass(frozen=True)
class Stopped:
    """A server stands still with a full queue, its clients leave, and it runs again."""

    name: str = "server stopped with a full queue, clients gone"

    def make(self, bed: Bed) -> Outcome:
        """Makes it: a server of one pod, whose network takes milliseconds an image."""
        return _made(self.name, bed, slow(bed.folder), self._run, limits={"queuedRequests": QUEUED})

    def _run(self, bed: Bed, server: Server, network: Trained) -> "_Run":
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
        answered = [one.at + one.seconds - runs for one in plain.asked if one.answered]
        first = min(answered, default=float("inf"))
        if first > WITHIN_SECONDS:
            wrong.append(f"the first answer came after {first:.2f} s")
        asked = [one for one in plain.asked if one.at > runs + WITHIN_SECONDS or one.status != 429]
        return _Run(asked, f"{refused} requests were refused before; the first answer came after {first:.2f} s", wrong)


def _direct(server: Server, pod: Object) -> Server:
    """Returns a server as reached by its pod's address: its Service has no address while the pod is not ready."""
    direct = Server(server.namespace, server.name)
    direct.url = f"http://{pod['status']['podIP']}:{HTTP_PORT}"
    return direct


def _plain(name: str, network: Trained, count: int) -> list[list[Request]]:
    """Returns plain requests, a client each."""
    asked = questions(name, network.names, images(network.signature.inputs[0].shape))
    return [
        [Request("plain", asked.path, asked.bodies[number % len(asked.bodies)], asked.headers)]
        for number in range(count)
    ]


@dataclass(frozen=True)
class _Run:
    """The plain requests of a run, what is to be told of it, and what was wrong."""

    asked: Sequence[Asked]
    told: str
    wrong: Sequence[str]


def _made(
    name: str, bed: Bed, network: Trained, run: Callable[[Bed, Server, Trained], _Run], **changes: Any
) -> Outcome:
    """Starts a server of one pod, runs the fault, and returns what came of it."""
    server = Server(bed.namespace, f"{network.name}-disturbed")
    source = network.put(bed.store, BUCKET, server.name)
    server.apply(source, storage=storage(bed.proxy), **changes)
    try:
        server.wait_ready(source["sha256"])
        (pod,) = server.ready_pods()
        pid = operator.process_of(pod["metadata"]["uid"])
        proc.forget_peak(pid)
        kills = node.oom_kills(pid)
        ran = run(bed, server, network)
        wrong = [*ran.wrong, *broken_promises(ran.asked), *_late(ran.asked)]
        if restarts := server.restarts(pod["metadata"]["name"]):
            return Outcome(name, tuple(ran.asked), ran.told, (*wrong, f"the server restarted {restarts} times"))
        if killed := node.oom_kills(pid) - kills:
            wrong.append(f"the kernel killed {killed} processes for memory")
        if (peak := proc.peak(pid)) >= LIMIT / 1e6:
            wrong.append(f"the server took {peak:.0f} MB, its limit is {LIMIT / 1e6:.0f} MB")
        return Outcome(name, tuple(ran.asked), f"{ran.told}; {peak:.0f} MB", tuple(wrong))
    except Exception as error:  # noqa: BLE001 - a fault that is not survived is a result, too
        wrong = [f"{type(error).__name__}: {error}".partition("\n")[0]]
        return Outcome(name, wrong=tuple(wrong), trace=traceback.format_exc())
    finally:
        server.delete()


def _late(asked: Sequence[Asked]) -> list[str]:
    late = [one.seconds for one in asked if one.seconds > WITHIN_SECONDS]
    return [f"{len(late)} plain requests took up to {max(late):.2f} s"] if late else []


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
