"""The route of the nodes and their free resources: GET /api/capacity."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

from aiohttp import web
from epochal.client.failures import FORBIDDEN, ApiError
from epochal.client.kinds import NODES, PODS
from epochal.errors import EpochalError

from epochal_studio.access import Access, access_of
from epochal_studio.capacity.nodes import node_capacity, with_free
from epochal_studio.capacity.requests import Amounts, add, node_requests
from epochal_studio.problems import Refusal, answer, refusal_of
from epochal_studio.state import STATE
from epochal_studio.wire.capacity import Capacity, NodeCapacity
from epochal_studio.wire.common import Problem

MAX_NODES, MAX_PODS = 500, 5000
NODES_OF_A_PAGE, PODS_OF_A_PAGE = 50, 200
SECONDS = 20.0
"""Maximum seconds to list the pods. If the list takes longer, the answer has no free resources of the nodes."""
_RUNNING = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
_NO_NODES = Problem(
    reason="Forbidden",
    message="You may not list the nodes of the cluster, so Studio cannot show their GPUs and memory.",
    remedy="Ask an administrator for a ClusterRole with the verb list for nodes. A training runs without this right.",
)
_NO_PODS = Problem(
    reason="Forbidden",
    message="You may not list the pods of all namespaces, so Studio cannot show the free resources of the nodes.",
    remedy="Ask an administrator for a ClusterRole with the verb list for pods. A training runs without this right.",
)
_MANY_NODES = Problem(
    reason="TooMany",
    message=f"The cluster has more nodes than Studio shows: these are the first {MAX_NODES}.",
)

Objects = list[dict[str, Any]]
T = TypeVar("T")


def routes() -> list[web.RouteDef]:
    """Return the route GET /api/capacity."""
    return [web.get("/api/capacity", show)]


async def show(request: web.Request) -> web.Response:
    """Return the nodes of the cluster with their free resources.

    Without the right to list nodes, the answer has no nodes. Without the right to list pods, it has no free resources.
    """
    access = access_of(request)
    with request.app[STATE].capacities.hold(access.owner):
        return answer(await _capacity(access))


async def _capacity(access: Access) -> Capacity:
    cluster = access.cluster()
    nodes: list[NodeCapacity] = []
    try:
        pages = cluster.pages(NODES, page=NODES_OF_A_PAGE)
        async for part in _map_pages(access, pages, lambda page: [node_capacity(node) for node in page]):
            nodes += part
            if len(nodes) > MAX_NODES:
                break
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        return Capacity(nodes=None, problem=_NO_NODES)
    cut = _MANY_NODES if len(nodes) > MAX_NODES else None
    nodes = nodes[:MAX_NODES]
    used, problem = await _used(access)
    if used is not None:
        nodes = [with_free(node, used.get(node.name, {})) for node in nodes]
    return Capacity(nodes=nodes, problem=problem or cut)


async def _used(access: Access) -> tuple[dict[str, Amounts] | None, Problem | None]:
    """Return the sum of the pods' resource requests for each node; or None, and why the sums are unknown."""
    end = time.monotonic() + SECONDS
    used: dict[str, Amounts] = {}
    count = 0
    pages = access.cluster().pages(PODS, all_namespaces=True, field_selector=_RUNNING, page=PODS_OF_A_PAGE)
    try:
        async for number, part in _map_pages(access, pages, lambda page: (len(page), node_requests(page))):
            count += number
            for node, requests in part.items():
                add(used.setdefault(node, {}), requests)
            if count > MAX_PODS:
                return None, _unknown(f"the cluster has more than {MAX_PODS:,} running pods")
            if time.monotonic() > end:
                return None, _unknown(f"the API server has not listed the pods within {SECONDS:g} s")
    except (EpochalError, Refusal) as error:  # such as a page of larger pods than Studio reads
        if isinstance(error, ApiError) and error.status == FORBIDDEN:
            return None, _NO_PODS
        refused = refusal_of(error)
        return None, refused.problem if refused else _unknown(str(error))
    return used, None


def _unknown(cause: str) -> Problem:
    return Problem(
        reason="TooMany",
        message=f"Studio cannot show the free resources of the nodes, because {cause}.",
        remedy="`kubectl describe nodes` shows the requests of the pods.",
    )


async def _map_pages(access: Access, pages: Iterator[Objects], function: Callable[[Objects], T]) -> AsyncIterator[T]:
    """Read pages of a list in threads, and yield the result of a function for each page.

    Each page is read in a separate call, which frees the reserved memory before the next page is read.
    """

    def step() -> list[T]:
        page = next(pages, None)
        return [] if page is None else [function(page)]

    while found := await access.in_thread(step):
        yield found[0]
