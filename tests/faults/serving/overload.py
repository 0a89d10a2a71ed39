"""Twice as many requests as a server can answer."""

import time
from dataclasses import dataclass

from tests.bench.figures import percentile
from tests.faults.serving.bed import BUCKET, Bed, storage
from tests.faults.serving.networks import slow
from tests.faults.serving.scenario import Outcome, broken_promises
from tests.kit.load import SentRequest
from tests.kit.servers import Server

NAME = "overload"
QUEUED = 32
"""Requests that may wait."""
CONNECTIONS = 16
MEASURE_SECONDS, SECONDS = 5, 10
TIMES = 2.0
SHARE = 0.8
"""Least share of its throughput that the server must still answer."""
LATE = 2.0
"""How many times as long as the queue takes by itself an accepted request may wait for its answer."""


@dataclass(frozen=True)
class Overload:
    name: str = "twice as many requests as can be answered"

    def make(self, bed: Bed) -> Outcome:
        """Runs a server of one pod, whose network takes milliseconds an image."""
        network = slow(bed.folder)
        server = Server(bed.namespace, NAME)
        source = network.put(bed.store, BUCKET, NAME)
        server.apply(source, limits={"queuedRequests": QUEUED}, storage=storage(bed.proxy))
        server.wait_ready(source["sha256"])
        with bed.load(server, network, connections=CONNECTIONS, pause=0) as load:
            time.sleep(1)
            began = time.time()
            time.sleep(MEASURE_SECONDS)
        rate = len(load.since(began)) / (time.time() - began)
        with bed.load(server, network, rate=TIMES * rate) as load:
            time.sleep(1)
            began = time.time()
            time.sleep(SECONDS)
        server.delete()
        return _outcome(self.name, load.since(began), rate)


def _outcome(name: str, asked: list[SentRequest], rate: float) -> Outcome:
    answered = [request for request in asked if request.answered]
    busy = [request for request in asked if request.status == 429]
    wrong = broken_promises([request for request in asked if request.status != 429])
    bound = LATE * (QUEUED + 1) / rate
    late = percentile([item.seconds for item in answered], 0.99)
    if late > bound:
        wrong.append(f"99 % of the answers took up to {late:.2f} s, not {bound:.2f} s at most")
    if len(answered) < SHARE * rate * SECONDS:
        wrong.append(
            f"{len(answered) / SECONDS:.0f} requests/s were answered, not {SHARE:.0%} of {rate:.0f}/s at least"
        )
    if not busy or not all(slot.again for slot in busy):
        wrong.append(f"{len(busy)} were refused by 429, not each with Retry-After")
    notes = (
        f"{rate:.0f}/s can be answered; of {TIMES * rate:.0f}/s, {len(answered) / SECONDS:.0f}/s were, "
        f"p99 {late * 1000:.0f} ms, and {len(busy) / SECONDS:.0f}/s refused"
    )
    return Outcome(name, tuple(asked), notes, tuple(wrong))
