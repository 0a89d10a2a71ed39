"""The parts of the server that the routes use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from epochal_server.admission import AdmissionControl, MemoryReservation
from epochal_server.auth import Authorize
from epochal_server.model.model import Arrays, Model
from epochal_server.worker_pool import WorkerPool

PROTOCOL = web.RequestKey("protocol", str)
"""A request's key for its protocol, such as v2 or watson-v4. Each route sets it first, also for refused requests. The
middleware counts and logs by it."""
RESERVATION = web.RequestKey("reservation", MemoryReservation)
"""A request's key for the memory of its body and its answer."""


def reservation(request: web.BaseRequest, admission: AdmissionControl) -> MemoryReservation:
    """Return a request's memory reservation. It is freed once the request is answered."""
    found = request.get(RESERVATION)
    if found is None:
        found = request[RESERVATION] = MemoryReservation(admission)
    return found


@dataclass(frozen=True)
class Service:
    """The parts of the server that the routes use."""

    model: Model
    answer: Callable[[Arrays], Awaitable[Arrays]]
    """Checks the samples of a request and computes all outputs of the model. See batching.Batcher.answer."""
    workers: WorkerPool
    """Runs in a thread the functions that would block the event loop."""
    ready: Callable[[], str | None]
    """Returns the reason why the server should get no requests, or None if it is ready."""
    authorize: Authorize
    """Checks that a request is allowed."""
    admission: AdmissionControl
