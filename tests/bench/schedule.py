"""apply -> pod running, and the end of an epoch -> visible in the status."""

import queue
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from statistics import median
from typing import Any

from tests.bench.figures import Figure, percentile, spread
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, apply, get, kubectl, watch

ROUNDS = 15
EPOCHS = 240


@contextmanager
def timed(namespace: str, kind: str) -> Iterator["queue.Queue[tuple[float, Object]]"]:
    """Watches a kind of objects; each change comes with the time at which it was seen, in seconds since 1970."""
    seen: queue.Queue[tuple[float, Object]] = queue.Queue()
    with watch(kind, namespace=namespace) as changes:

        def read() -> None:
            for change in changes:
                seen.put((time.time(), change))

        threading.Thread(target=read, daemon=True).start()
        time.sleep(1)
        yield seen


def _until_running(seen: "queue.Queue[tuple[float, Object]]", prefix: str) -> float:
    while True:
        at, pod = seen.get(timeout=60)
        if pod["metadata"]["name"].startswith(prefix) and pod["status"].get("phase") == "Running":
            return at


def _raw_job(namespace: Namespace, name: str) -> Object:
    """Returns a raw Job with the very pod that Epochal makes."""
    made = get("job", name, namespace=namespace.name)
    template: Any = made["spec"]["template"]
    template["metadata"] = {"annotations": template["metadata"]["annotations"]}
    kept = ("backoffLimit", "podFailurePolicy", "completions", "parallelism")
    spec = {key: made["spec"][key] for key in kept if key in made["spec"]} | {"template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": ""}, "spec": spec}


def apply_to_running(namespace: Namespace) -> Figure:
    """Measures apply -> pod running, a TrainingJob and a raw Job with the same pod in turn."""
    namespace.apply(digits("template", suspend=True))
    namespace.wait_state("Suspended", name="template", seconds=30)
    raw = _raw_job(namespace, "template")
    times: dict[str, list[float]] = {"raw": [], "ours": []}
    with timed(namespace.name, "pods") as pods:
        for number in range(ROUNDS):
            for which in ("raw", "ours"):
                name = f"{which}-{number}"
                manifest = raw | {"metadata": {"name": name}} if which == "raw" else digits(name)
                started = time.time()
                apply(manifest, namespace=namespace.name)
                times[which].append(_until_running(pods, name) - started)
                kind = "job" if which == "raw" else "tj"
                kubectl("delete", kind, name, "--namespace", namespace.name, "--cascade=foreground", "--wait")
    more = (median(times["ours"]) - median(times["raw"])) * 1000
    return Figure(
        "apply -> pod running, TrainingJob",
        f"raw Job with the same pod: {spread(times['raw'])}",
        f"{spread(times['ours'])}: {more:+.0f} ms",
        "at most +150 ms at the median",
        more <= 150,
    )


def epoch_to_status(namespace: Namespace) -> Figure:
    """Measures the end of an epoch, as the trainer's log tells it, -> the epoch in a watched status."""
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
    ended = {}
    for line in log.splitlines():
        if found := re.match(r"(\S+) .*\bepoch +(\d+)/\d+", line, re.IGNORECASE):
            ended[int(found[2])] = datetime.fromisoformat(found[1]).timestamp()
    delays = [(at - ended[epoch]) * 1000 for epoch, at in shown.items() if epoch in ended]
    worst = percentile(delays, 0.99)
    return Figure(
        "end of an epoch in the trainer -> visible in status",
        "",
        f"p50 {median(delays):.0f} ms, p99 {worst:.0f} ms, n={len(delays)}",
        "p99 under 500 ms",
        worst < 500,
    )
