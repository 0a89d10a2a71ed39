"""A search of 1,000 trials, 100 at a time, on nodes that exist in the API alone, beside plain TrainingJobs."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from statistics import median
from typing import Any

from epochal_operator.experiment.schedule.pruning import trial_rungs
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial_state import parse_trial_name
from epochal_operator.runtime.conditions import condition_of

from tests.bench.experiments.curves import Curves, read
from tests.bench.experiments.search import ASHA, METRIC, NAME, experiment, spec_of
from tests.bench.experiments.seen import Seen, fills, latencies
from tests.bench.experiments.trainers import Part, Trainers, session, watch
from tests.bench.figures import Figure, percentile
from tests.kit import apiserver, buckets, kwok, operator, proc
from tests.kit.jobs import WAITING, digits
from tests.kit.kubectl import Object, apply, get, kubectl, wait

NAMESPACE = "bench-many"
NODES = 4
TRIALS, SLOTS, EPOCHS = 1000, 100, 9
EPOCH_SECONDS = 20.0
SPREAD = 0.8, 1.2
"""Range of the duration of an epoch, as parts of the mean."""
PLAIN, SINGLE = "plain", "single"
PLAIN_SECONDS = 40.0
"""Duration of a plain TrainingJob: that of a rung on average."""
BESIDE_SECONDS = 120.0
"""Duration of the measurement of single TrainingJobs beside plain ones."""
EVERY = 2.0
"""Seconds between two single TrainingJobs."""
LATE = TRIALS * 3 // 4
"""Number of known trials from which the time to fill a free slot is measured."""
SECONDS = 2400.0
BEHIND_SECONDS = 60.0
"""By how much one watch may be behind another."""
MEGABYTES, STATUS_BYTES, FILL_SECONDS, SLOWER = 200.0, 32 * 1024, 2.0, 1.5
RESOURCES: Object = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
SCHEDULING: Object = {"nodeSelector": kwok.SELECTOR, "tolerations": [kwok.TOLERATION]}


def many() -> list[Figure]:
    """Runs plain TrainingJobs, then a search of very many, in a namespace that was not there before."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", timeout=600)
    apply(*buckets.namespace_with_credentials(NAMESPACE, *buckets.credentials()))
    # It may not have released the memory of other objects.
    kubectl("rollout", "restart", "deployment/epochal", "--namespace", operator.NAMESPACE)
    kubectl("rollout", "status", "deployment/epochal", "--namespace", operator.NAMESPACE, "--timeout=90s")
    try:
        with kwok.nodes(NODES):
            return asyncio.run(_many())
    finally:
        # The deletion of thousands of objects would disturb the next measurement.
        kubectl("delete", "namespace", NAMESPACE, "--wait", timeout=600)


async def _many() -> list[Figure]:
    seen, pid = Seen(), _operator_pid()
    async with _watched(seen), Trainers(NAMESPACE, _Parts(seen).of) as trainers:
        proc.forget_peak(pid)
        beside = await _beside_plain(seen)
        plain = proc.peak(pid)
        proc.forget_peak(pid)
        began, worked = time.monotonic(), proc.cpu(pid)
        await asyncio.to_thread(apply, _experiment(), namespace=NAMESPACE)
        singles = asyncio.create_task(_singles(seen, f"{SINGLE}-search", PLAIN_SECONDS))
        await _until("the end of the search", lambda: trainers.alive and _is_over(seen.experiment))
        await _stopped(singles)
        took = time.monotonic() - began
        cpu = [after - before for before, after in zip(worked, proc.cpu(pid), strict=True)]
    return figures(seen, beside, plain=plain, peak=proc.peak(pid), took=took, cpu=cpu)


def figures(
    seen: Seen, beside: Sequence[float], *, plain: float, peak: float, took: float, cpu: Sequence[float]
) -> list[Figure]:
    """Returns the figures of a very large search, beside those of plain TrainingJobs."""
    status = seen.experiment["status"]
    rungs = sum(parse_trial_name(name, NAME) is not None for name in seen.created)
    late, all_ = fills(seen.created, seen.ended, SLOTS, LATE), fills(seen.created, seen.ended, SLOTS)
    single = latencies(seen, f"{SINGLE}-search")
    return [
        Figure(
            f"a search of {TRIALS:,} trials, {SLOTS} at a time, on nodes of kwok, beside single TrainingJobs",
            f"CPU of the operator: {cpu[0]:.0f} s, of its suggestions: {cpu[1]:.0f} s",
            f"{status['state']}: {status['trials']['created']} trials, {rungs} rungs in {took:.0f} s",
            f"Complete, {TRIALS} trials",
            (status["state"], status["trials"]["created"]) == ("Complete", TRIALS),
        ),
        Figure(
            "the operator's memory at its peak meanwhile",
            f"{SLOTS} plain TrainingJobs at a time: {plain:.0f} MB",
            f"{peak:.0f} MB",
            f"under {MEGABYTES:.0f} MB",
            peak < MEGABYTES,
        ),
        Figure(
            "the Experiment's status, at its largest",
            f"its ledger: {seen.ledger_bytes / 1024:.1f} KiB",
            f"{seen.status_bytes / 1024:.1f} KiB",
            f"under {STATUS_BYTES // 1024} KiB",
            seen.status_bytes < STATUS_BYTES,
        ),
        Figure(
            f"a free slot is filled, {LATE}-{TRIALS:,} trials known: TrainingJob ended -> the next one created",
            f"with any number known: {_percentiles(all_)}",
            _percentiles(late),
            f"p95 within {FILL_SECONDS:g} s",
            percentile(late, 0.95) <= FILL_SECONDS,
        ),
        Figure(
            "a single TrainingJob beside it: created -> its Job",
            f"beside {SLOTS} plain ones: {_percentiles(beside)}",
            f"{_percentiles(single)}: ratio {median(single) / median(beside):.2f} of medians",
            f"at most {SLOWER:g}",
            median(single) <= SLOWER * median(beside),
        ),
    ]


def _percentiles(seconds: Sequence[float]) -> str:
    p50, p95 = percentile([*seconds], 0.5), percentile([*seconds], 0.95)
    return f"p50 {p50:.2f} s, p95 {p95:.2f} s, n={len(seconds)}"


@asynccontextmanager
async def _watched(seen: Seen) -> AsyncIterator[None]:
    server = apiserver.server()
    api = session(server.context, f"https://{server.host}:{server.port}")

    async def follow(resource: str, take: Any) -> None:
        async for event in watch(api, apiserver.path(resource, namespace=NAMESPACE)):
            if event["type"] != "DELETED":
                take(event["object"])

    kinds = {
        "trainingjobs": seen.training,
        "jobs": seen.job,
        "experiments": seen.search,
        "experimentledgers": seen.ledger,
    }
    tasks = [asyncio.create_task(follow(resource, take)) for resource, take in kinds.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await api.close()


class _Parts:
    """The part of a training that each pod trains, by the names of their Jobs."""

    def __init__(self, seen: Seen) -> None:
        spec = spec_of(_experiment())
        self._seen = seen
        self._schedule = spec.schedule
        self._curves = Curves(read([parameter.name for parameter in spec.parameters]), Space.of(spec.parameters))

    async def of(self, name: str) -> Part | None:
        """Returns the part that the pod of a Job trains; None if it trains nothing."""
        part_of = random.Random(name).uniform(*SPREAD)  # noqa: S311
        if name.startswith(PLAIN):
            return Part(0, 1, 1, PLAIN_SECONDS * part_of, METRIC, (0.5,))
        if (place := parse_trial_name(name, NAME)) is None:
            return None
        await _until(f"{name} to be seen", lambda: name in self._seen.parameters, BEHIND_SECONDS)
        trial, rung = place
        rungs = (0, *trial_rungs(trial, self._schedule, EPOCHS))
        values = self._curves.of(self._seen.parameters[name]).values
        best = tuple(min(values[: epoch + 1]) for epoch in range(min(rungs[rung + 1], len(values))))
        return Part(rungs[rung], rungs[rung + 1], EPOCHS, EPOCH_SECONDS * part_of, METRIC, best)


def _experiment() -> Object:
    document = experiment("TPE", ASHA, trials=TRIALS, epochs=EPOCHS, parallelism=SLOTS)
    spec = document["spec"]
    template = spec["template"]["spec"] | {"scheduling": SCHEDULING, "resources": RESOURCES}
    return document | {"metadata": {"name": NAME}, "spec": spec | {"template": {"spec": template}}}


async def _beside_plain(seen: Seen) -> list[float]:
    """Keeps as many plain TrainingJobs running for a while; returns how long single ones took to get their Jobs."""
    path, end = apiserver.path("trainingjobs", namespace=NAMESPACE), time.monotonic() + BESIDE_SECONDS
    limit, begun = asyncio.Semaphore(8), 0

    async def begin(name: str) -> None:
        async with limit:
            job = digits(name, training__epochs=1, training__callbacks=None, scheduling=SCHEDULING, resources=RESOURCES)
            await asyncio.to_thread(apiserver.request, "POST", path, job)

    # The first ones come all at once, as they never do later.
    singles = asyncio.create_task(_singles(seen, f"{SINGLE}-plain", PLAIN_SECONDS))
    while time.monotonic() < end:
        free = SLOTS - (begun - sum(name.startswith(PLAIN) for name in seen.ended))
        await asyncio.gather(*(begin(f"{PLAIN}-{begun + number:04}") for number in range(free)))
        begun += free
        await asyncio.sleep(0.2)
    await _stopped(singles)
    await _until("all plain ones to end", lambda: sum(name.startswith(PLAIN) for name in seen.ended) == begun)
    found = latencies(seen, f"{SINGLE}-plain")
    await asyncio.to_thread(kubectl, "delete", "tj", "--all", "--namespace", NAMESPACE, "--wait", timeout=300)
    return found


async def _singles(seen: Seen, prefix: str, delay: float) -> None:
    """Creates single TrainingJobs in a queue that nobody serves, so that Jobs have no pods, and deletes them."""
    path, waiting = apiserver.path("trainingjobs", namespace=NAMESPACE), list[str]()
    await asyncio.sleep(delay)
    for number in count():
        waiting.append(f"{prefix}-{number:04}")
        await asyncio.to_thread(apiserver.request, "POST", path, digits(waiting[-1], **WAITING))
        await asyncio.sleep(EVERY)
        for name in [name for name in waiting if name in seen.jobs]:
            await asyncio.to_thread(apiserver.request, "DELETE", f"{path}/{name}")
            waiting.remove(name)


async def _stopped(task: asyncio.Task[None]) -> None:
    """Cancels an endless task; raises the exception that has ended it before."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _until(what: str, look: Callable[[], object], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        await asyncio.sleep(0.1)


def _is_over(experiment: Object) -> bool:
    return bool(experiment) and condition_of(experiment, "Finished") is not None


def _operator_pid() -> int:
    (pod,) = wait("one operator", lambda: found if len(found := operator.pods()) == 1 else None, seconds=60)
    return operator.process_of(get("pod", pod, namespace=operator.NAMESPACE)["metadata"]["uid"])
