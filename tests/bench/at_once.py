"""How many TrainingJobs start a second if many are created at once, beside raw Jobs with the same pod."""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from statistics import mean

from tests.bench.experiments.trainers import session, watch
from tests.bench.figures import Figure, spread
from tests.bench.pods import raw_job
from tests.bench.ratio import Ratio
from tests.bench.turns import Who, abba
from tests.kit import apiserver, kwok, operator, proc
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, kubectl, wait

COUNT = 300
"""TrainingJobs that are created at once."""
ROUNDS = 4
NODES = 4
REQUESTS = 16
"""Objects that are created at the same time."""
GOAL = 0.5
SECONDS = 300.0
RESOURCES: Object = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
SCHEDULING: Object = {"nodeSelector": kwok.SELECTOR, "tolerations": [kwok.TOLERATION]}
RESOURCE: Mapping[Who, str] = {"ours": "trainingjobs", "theirs": "jobs"}


def many_at_once(namespace: Namespace) -> list[Figure]:
    """Creates many TrainingJobs and many raw Jobs in turn, on nodes of kwok, until all of their pods run."""
    template = digits("at-once-template", scheduling=SCHEDULING, resources=RESOURCES)
    raw = raw_job(namespace, template)
    kubectl("delete", "tj", template["metadata"]["name"], "--namespace", namespace.name, "--wait")
    rates: dict[Who, list[float]] = {"ours": [], "theirs": []}
    server, ours = list[float](), list[float]()
    with kwok.nodes(NODES):
        for number, who in abba(ROUNDS):
            things = [_of(who, raw, f"{who}-{number}-{item:03}") for item in range(COUNT)]
            before = _cpu()
            rates[who].append(asyncio.run(start_rate(namespace.name, RESOURCE[who], things)))
            spent = [now - then for then, now in zip(before, _cpu(), strict=True)]
            if who == "ours":
                server.append(1000 * spent[0] / COUNT)
                ours.append(1000 * spent[1] / COUNT)
            clear(namespace.name, RESOURCE[who], who)
    ratio = Ratio.of([[item] for item in rates["ours"]], [[item] for item in rates["theirs"]])
    return [
        Figure(
            f"{COUNT} TrainingJobs created at once on nodes of kwok, until all pods run: starts",
            f"raw Jobs with the same pod: {spread(rates['theirs'], '/s')}; CPU for a TrainingJob: "
            f"{mean(server):.0f} ms of the API server, {mean(ours):.0f} ms of the operator",
            f"{spread(rates['ours'], '/s')}: {ratio.describe_minimum(GOAL)}",
            f"at least {GOAL:g}",
            ratio.reaches(GOAL),
        )
    ]


def _of(who: Who, raw: Object, name: str) -> Object:
    if who == "theirs":
        return raw | {"metadata": {"name": name}}
    return digits(name, scheduling=SCHEDULING, resources=RESOURCES)


async def start_rate(namespace: str, resource: str, things: list[Object]) -> float:
    """Creates objects at once and returns how many of their pods started in a second."""
    server = apiserver.server()
    api = session(server.context, f"https://{server.host}:{server.port}")
    path, limit, running = apiserver.path(resource, namespace=namespace), asyncio.Semaphore(REQUESTS), set[str]()
    all_run = asyncio.Event()

    async def follow() -> None:
        async for event in watch(api, apiserver.path("pods", namespace=namespace)):
            if event["object"].get("status", {}).get("phase") == "Running":
                running.add(event["object"]["metadata"]["uid"])
                if len(running) == len(things):
                    all_run.set()

    async def create(thing: Object) -> None:
        async with limit, api.post(path, data=json.dumps(thing), headers=_JSON, raise_for_status=True):
            pass

    following = asyncio.create_task(follow())
    try:
        await asyncio.sleep(1)
        began = time.monotonic()
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*map(create, things))
            await all_run.wait()
        return len(things) / (time.monotonic() - began)
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await api.close()


_JSON = {"Content-Type": "application/json"}


def clear(namespace: str, resource: str, who: Who) -> None:
    """Deletes the objects of a turn, and waits until their Jobs and pods are deleted. Other rows may have left Jobs."""
    own = f"/{who}-"
    names = [name for name in _names(resource, namespace) if own in name]
    # With --wait, kubectl watches each of a thousand objects in turn.
    kubectl("delete", *names, "--namespace", namespace, "--cascade=foreground", "--wait=false", timeout=600)
    kinds = f"{resource},jobs,pods"
    wait(f"no objects of {who} left", lambda: own not in "".join(_names(kinds, namespace)), seconds=SECONDS, every=5)
    time.sleep(5)


def _names(resources: str, namespace: str) -> list[str]:
    return kubectl("get", resources, "--namespace", namespace, "--output", "name").split()


def _cpu() -> tuple[float, float]:
    """Returns the CPU seconds of the API server, and of the operators."""
    own = [operator.process_of(_uid(pod)) for pod in operator.pods()]
    return proc.cpu(proc.find("kube-apiserver"))[0], sum(proc.cpu(pid)[0] for pid in own)


def _uid(pod: str) -> str:
    return kubectl("get", "pod", pod, "--namespace", operator.NAMESPACE, "--output", "jsonpath={.metadata.uid}")
