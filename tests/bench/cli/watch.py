"""Time until `epochal watch` prints an epoch, beside `kubectl get --watch`, on the local cluster."""

import queue
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import TypeVar

from tests.bench.cli.processes import EPOCHAL
from tests.bench.epochs import ends
from tests.bench.figures import Figure, percentile
from tests.bench.schedule import timed
from tests.kit import buckets
from tests.kit.jobs import Namespace, digits, digits_file
from tests.kit.kubectl import Object, apply, kubectl

NAMESPACE = "bench-cli"
NAME = "epochs"
EPOCHS = 240
SECONDS = 0.5
LATE_SECONDS = 120
Seen = TypeVar("Seen")
_EPOCH = re.compile(r"\bepoch (\d+)/")


def watched() -> list[Figure]:
    """Measures one training, which a `watch` and a `kubectl get --watch` follow at the same time."""
    _fill()
    namespace = Namespace(NAMESPACE)
    job = digits(NAME, training__epochs=EPOCHS, training__callbacks=[], training__batchSize=4)
    with timed(NAMESPACE, "tj") as jobs:
        namespace.apply(job)
        command = [str(EPOCHAL), "watch", NAME, "--namespace", NAMESPACE]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            lines: queue.Queue[tuple[float, str]] = queue.Queue()

            def read() -> None:
                for line in process.stdout or ():
                    lines.put((time.time(), line))

            reader = threading.Thread(target=read)
            reader.start()
            process.wait(timeout=LATE_SECONDS + EPOCHS)
            reader.join()
        namespace.complete(NAME)
        time.sleep(1)
    log = kubectl("logs", f"job/{NAME}", "--namespace", NAMESPACE, "--timestamps")
    printed = first_times(((at, epoch_of_line(line)) for at, line in _all(lines)))
    shown = first_times(((at, _epoch_of_object(seen)) for at, seen in _all(jobs)))
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    return [figure(printed, shown, ends(log))]


def figure(printed: Mapping[int, float], shown: Mapping[int, float], ended: Mapping[int, float]) -> Figure:
    """Returns the line of the results.

    Args:
        printed: When `epochal watch` printed each epoch.
        shown: When `kubectl get --watch` had each epoch in the status.
        ended: When each epoch ended, by the log of the trainer.
    """
    both = sorted(printed.keys() & shown.keys())
    # Both watches see the same change: the earlier one is the best evidence that the status has it.
    delays = [(printed[epoch] - min(printed[epoch], shown[epoch])) * 1000 for epoch in both]
    theirs = [(shown[epoch] - min(printed[epoch], shown[epoch])) * 1000 for epoch in both]
    whole = [(printed[epoch] - ended[epoch]) * 1000 for epoch in both if epoch in ended]
    worst = percentile(delays, 0.95)
    since_end = f"; from the end of the epoch: p95 {percentile(whole, 0.95):.0f} ms" if whole else ""
    return Figure(
        "an epoch in the status -> line of `epochal watch`",
        f"`kubectl get --watch`: p50 {median(theirs):.0f} ms, p95 {percentile(theirs, 0.95):.0f} ms",
        f"p50 {median(delays):.0f} ms, p95 {worst:.0f} ms, n={len(both)}{since_end}",
        f"p95 {SECONDS * 1000:.0f} ms",
        worst <= SECONDS * 1000,
    )


def epoch_of_line(line: str) -> int:
    """Returns the epoch in a line of `epochal watch`; 0 for a line without one."""
    found = _EPOCH.search(line)
    return int(found[1]) if found else 0


def first_times(seen: Iterable[tuple[float, int]]) -> dict[int, float]:
    """Returns when each epoch was seen first."""
    times: dict[int, float] = {}
    for at, epoch in seen:
        if epoch:
            times.setdefault(epoch, at)
    return times


def _epoch_of_object(seen: Object) -> int:
    found: int = seen.get("status", {}).get("progress", {}).get("epoch", 0) if seen["metadata"]["name"] == NAME else 0
    return found


def _all(seen: "queue.Queue[Seen]") -> list[Seen]:
    return [seen.get_nowait() for _ in range(seen.qsize())]


def _fill() -> None:
    """Creates the namespace, and fills the buckets of digits.yaml."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(NAMESPACE, *buckets.credentials()))
    store = buckets.connect()
    buckets.fill(store, "digits-results", [])
    with tempfile.TemporaryDirectory() as folder:
        buckets.fill(store, "digits-data", [digits_file(Path(folder))])
