"""Sums the numbers of requests to a ModelServer from the metrics of its running pods."""

import asyncio
from typing import Any

from epochal.client.cluster import Cluster
from epochal.client.failures import FORBIDDEN, ApiError
from epochal.client.kinds import PODS
from epochal.errors import EpochalError

from epochal_studio.access import Access
from epochal_studio.problems import Refusal, refusal_of, refuse
from epochal_studio.runs.values import mapping, text
from epochal_studio.servers.metrics import RequestCounts, parse_metrics
from epochal_studio.servers.refusals import MEASURE, refusal
from epochal_studio.servers.requests import ask
from epochal_studio.servers.server import Server
from epochal_studio.stream.api_server import ApiServer
from epochal_studio.wire.common import Problem
from epochal_studio.wire.servers import ClassCount, Usage

MAX_PODS = 16
"""Maximum number of pods whose metrics are read. The metrics of further pods are left out."""
MAX_METRICS = 2**20
"""Maximum bytes of a pod's metrics. Larger metrics are left out. Those of a model with 1,000 classes have 200 KiB."""
MAX_CLASSES = 1000
POD_SECONDS, SECONDS = 8.0, 20.0
"""Maximum seconds for the metrics of one pod, and of all pods. A pod delays too frequent requests for its metrics."""
_AT_ONCE = 4
"""Maximum number of pods whose metrics are read at the same time."""


async def read_usage(api: ApiServer, access: Access, server: Server) -> Usage:
    """Return the numbers of requests to a ModelServer, summed over the pods that answer.

    The answer has the first problem, such as a missing right or a pod that does not answer.

    Args:
        api: The client of the API server.
        access: The signed-in user.
        server: The ModelServer.
    """
    try:
        names = await access.in_thread(_running_pods, access.cluster(server.namespace), server)
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        return _usage(server, RequestCounts(), 0, _problem(error))
    problems: list[Problem] = []
    total, read, turns = RequestCounts(), 0, asyncio.Semaphore(_AT_ONCE)

    async def add(name: str) -> None:
        nonlocal read
        async with turns:
            try:
                found = await _read_metrics(api, access, server, name)
            except (Refusal, EpochalError) as error:
                problems.append(_problem(error))
            else:
                total.add(found)
                read += 1

    try:
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
            for name in names[:MAX_PODS]:
                group.create_task(add(name))
    except TimeoutError:
        problems.append(_slow(server).problem)
    if len(names) > MAX_PODS:
        message = f"ModelServer {server.name} has more than {MAX_PODS} pods: Studio reads the metrics of {MAX_PODS}."
        problems.append(Problem(reason="TooMany", message=message, remedy="Use Prometheus for all pods."))
    return _usage(server, total, read, problems[0] if problems else None)


async def _read_metrics(api: ApiServer, access: Access, server: Server, pod: str) -> RequestCounts:
    """Read the metrics of a pod, and return its request counts.

    Raises:
        Refusal: If the pod does not answer with valid metrics.
        EpochalError: If the API server does not answer.
    """
    answered = await ask(
        api, access, server.metrics_path(pod), {"Accept": "text/plain"}, limit=MAX_METRICS, seconds=POD_SECONDS
    )
    if answered.status != 200:  # noqa: PLR2004 - HTTP's success
        raise refusal(server, MEASURE, answered)

    def parse() -> RequestCounts | None:
        access.threads.memory.reserve_json(len(answered.body))
        return parse_metrics(answered.body)

    found = None if len(answered.body) > MAX_METRICS else await access.in_thread(parse)
    if found is None:
        raise refuse(502, "ServerFailed", f"The metrics of the pod {pod} are not in the expected format.")
    return found


def _running_pods(cluster: Cluster, server: Server) -> list[str]:
    """Return the names of the running pods among the first 2 * MAX_PODS pods of a ModelServer."""
    pods = cluster.list(PODS, namespace=server.namespace, selector=server.selector, most=2 * MAX_PODS)
    return [name for pod in pods if _is_running(pod) and (name := text(mapping(pod.get("metadata")).get("name")))]


def _is_running(pod: dict[str, Any]) -> bool:
    return mapping(pod.get("status")).get("phase") == "Running"


def _usage(server: Server, total: RequestCounts, pods: int, problem: Problem | None) -> Usage:
    counts = sorted(total.classes.items(), key=lambda item: (-item[1], item[0]))[:MAX_CLASSES]
    return Usage(
        requests=total.requests,
        refused=total.refused,
        classes=[ClassCount(output=server.output, name=name, count=count) for name, count in counts],
        pods=pods,
        problem=problem,
    )


def _slow(server: Server) -> Refusal:
    return refuse(
        504,
        "Unreachable",
        f"The pods of ModelServer {server.name} have not sent their metrics within {SECONDS:g} s.",
        "Try again in a minute.",
    )


def _problem(error: Exception) -> Problem:
    found = refusal_of(error)
    return found.problem if found else Problem(reason="Failed", message=str(error))
