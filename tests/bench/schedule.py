"""apply -> pod running, and the end of an epoch -> visible in the status."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from tests.bench.epochs import ends
from tests.bench.figures import Figure, percentile, spread
from tests.bench.pods import raw_job
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, apply, kubectl, watch

Changes = queue.Queue[tuple[float, Object]]
"""Changes of objects, each with its time in seconds since 1970."""

ROUNDS = 15
EPOCHS = 240


@contextmanager
def timed(namespace: str, kind: str) -> Iterator[Changes]:
    """Watches a kind of objects; each change comes with its time in seconds since 1970."""
    seen: Changes = queue.Queue()
    with watch(kind, namespace=namespace) as changes:

        def read() -> None:
            for change in changes:
                seen.put((time.time(), change))

        threading.Thread(target=read, daemon=True).start()
        time.sleep(1)
        yield seen


def until(seen: Changes, is_met: Callable[[Object], bool]) -> float:
    """Waits for an object that meets a condition, and returns when that was seen, in seconds since 1970."""
    while True:
        at, found = seen.get(timeout=60)
        if is_met(found):
            return at


def until_running(seen: Changes, prefix: str) -> float:
    """Waits until a pod whose name begins so runs, and returns when that was seen, in seconds since 1970."""
    return until(
        seen, lambda pod: pod["metadata"]["name"].startswith(prefix) and pod["status"].get("phase") == "Running"
    )


def until_created(seen: Changes, prefix: str) -> float:
    """Waits until a pod whose name begins so exists, and returns when that was seen, in seconds since 1970.

    The kubelet looks at its pods each second, which hides differences of milliseconds until a pod runs.
    """
    return until(seen, lambda pod: pod["metadata"]["name"].startswith(prefix))


def apply_to_running(namespace: Namespace) -> list[Figure]:
    """Measures apply -> pod running, a TrainingJob and a raw Job with the same pod in turn."""
    raw = raw_job(namespace, digits("template"))
    times: dict[str, list[float]] = {"raw": [], "ours": []}
    with timed(namespace.name, "pods") as pods:
        for number in range(ROUNDS):
            for which in ("raw", "ours"):
                name = f"{which}-{number}"
                manifest = raw | {"metadata": {"name": name}} if which == "raw" else digits(name)
                started = time.time()
                apply(manifest, namespace=namespace.name)
                times[which].append(until_running(pods, name) - started)
                kind = "job" if which == "raw" else "tj"
                kubectl("delete", kind, name, "--namespace", namespace.name, "--cascade=foreground", "--wait")
    more = (median(times["ours"]) - median(times["raw"])) * 1000
    return [
        Figure(
            "apply -> pod running, TrainingJob",
            f"raw Job with the same pod: {spread(times['raw'])}",
            f"{spread(times['ours'])}: {more:+.0f} ms",
            "at most +150 ms at the median",
            more <= 150,
        )
    ]


def epoch_to_status(namespace: Namespace) -> list[Figure]:
    """Measures the time from the end of an epoch in the trainer's log to the epoch in a watched status."""
    shown: dict[int, float] = {}
    job = digits("epochs", training__epochs=EPOCHS, training__callbacks=[], training__batchSize=4)
    with timed(namespace.name, "tj") as jobs:
        namespace.apply(job)
        while len(shown) < EPOCHS and max(shown, default=0) < EPOCHS:
            at, seen = jobs.get(timeout=120)
            epoch = seen.get("status", {}).get("progress", {}).get("epoch", 0)
            if seen["metadata"]["name"] == "epochs" and epoch:
                shown.setdefault(epoch, at)
    namespace.complete("epochs")
    log = kubectl("logs", "job/epochs", "--namespace", namespace.name, "--timestamps")
    ended = ends(log)
    delays = [(at - ended[epoch]) * 1000 for epoch, at in shown.items() if epoch in ended]
    worst = percentile(delays, 0.99)
    return [
        Figure(
            "end of an epoch in the trainer -> visible in status",
            "",
            f"p50 {median(delays):.0f} ms, p99 {worst:.0f} ms, n={len(delays)}",
            "p99 under 500 ms",
            worst < 500,
        )
    ]
