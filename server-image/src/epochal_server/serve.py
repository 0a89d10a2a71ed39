"""The server process: it loads its model, serves until SIGTERM, and ends after it has answered the last request."""

import asyncio
import gc
import logging
import math
import resource
import signal
import socket
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from epochal_api.modelserver.config import ServerConfig
from epochal_api.modelserver.pod import AUTH_FOLDER, GRACE_SECONDS, MODEL_FOLDER, STAY_SECONDS, TLS_FOLDER
from epochal_lib import cgroups
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from epochal_server.admission import MOST_SECONDS, AdmissionControl
from epochal_server.assemble import assemble
from epochal_server.auth import Keys, refuse_other_origins
from epochal_server.connections.connection import MOST, Connections
from epochal_server.connections.fast_path import FastPath
from epochal_server.connections.tls import Certificate
from epochal_server.listener import Listener
from epochal_server.loading import Loaded, load
from epochal_server.model.batching import Batcher
from epochal_server.monitoring.access_log import AccessLog
from epochal_server.monitoring.metrics import Metrics
from epochal_server.monitoring.request_log import RequestLog
from epochal_server.refusals import NotReady
from epochal_server.routes.health import health_routes
from epochal_server.routes.metrics import metrics_routes
from epochal_server.routes.middleware import request_middleware
from epochal_server.worker_pool import run_in_daemon

if TYPE_CHECKING:
    from epochal_lib.model_server.storage import Storage

SOON_SECONDS = 2.0
"""Time for which a readiness probe waits for the model while it is loading. It is shorter than the kubelet's timeout of
the probe. The kubelet would repeat a failed probe only a second later."""
END_SECONDS = 3.0
"""Part of the grace period that is reserved for the shutdown after the last answer."""
GIVEN_UP_SECONDS = 1.0
"""Part of END_SECONDS that is reserved for errors to the clients whose requests cannot be answered in time."""
OTHERS = 64
"""Connections beyond those of waiting requests. They stay free for refused clients and for the kubelet, which would
restart a server that does not answer."""
FILES = 128
"""File descriptors that the server needs besides those of its clients' connections."""
PART_OF_MEMORY = 8
"""Divisor of the container's memory limit that gives the limit for request bodies and answers. A decoded body takes
several times as many bytes."""
BODIES_BYTES = 256 * 2**20
"""Limit for request bodies and answers if the container has no memory limit."""
LOADING = "the model is not loaded yet"
UNREADY_TIMES = 2
"""A server is not ready while a model call takes longer than `MOST_SECONDS` and than this multiple of its usual time.
It refuses all requests until the call ends."""
DEAD_SECONDS = 300.0
DEAD_TIMES = 10
"""A server is not live while a model call takes longer than `DEAD_SECONDS` and than this multiple of its usual time.
The kubelet then restarts the server. Loading and warm-up have no such limit: the first calls of a large model may
take minutes."""


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Folders:
    """The mount paths of the pod's volumes."""

    model: Path = Path(MODEL_FOLDER)
    auth: Path = Path(AUTH_FOLDER)
    tls: Path = Path(TLS_FOLDER)


class Server:
    """The server of one model, from its start to its end.

    Args:
        config: Configuration of the server.
        folders: The mount paths of the pod's volumes.
        stay: Seconds after SIGTERM in which the server still accepts requests.

    Raises:
        ServeError: InvalidConfig, if the required certificate or the required keys are missing.
    """

    def __init__(self, config: ServerConfig, folders: Folders | None = None, stay: float = STAY_SECONDS) -> None:
        folders = folders or Folders()
        self._config = config
        self._folders = folders
        self._stay = stay
        self._why: str | None = LOADING
        self._settled = asyncio.Event()  # set if ready, waiting for the storage or ending: probes need not wait
        self._loaded: Loaded | None = None
        self._batcher: Batcher | None = None
        self._ending = asyncio.Event()
        self._threads = max(1, math.ceil(cgroups.cores()))
        memory = cgroups.limit()
        most = memory // PART_OF_MEMORY if memory else BODIES_BYTES
        connections = _connections(config.limits.queued_requests)
        queued = min(config.limits.queued_requests, connections - OTHERS)
        self._admission = AdmissionControl(queued, max(config.limits.request_bytes, most))
        self._metrics = Metrics(lambda: self._admission.waiting)
        self._access_log = AccessLog()
        self._request_log = RequestLog(self._metrics, self._access_log, self._ending.is_set)
        self._connections = Connections(connections, self._admission)
        self._certificate = Certificate(folders.tls) if config.tls else None
        self._keys = Keys(folders.auth) if config.auth else None
        if self._keys is not None:
            self._keys.require()

    async def run(self, listener: socket.socket, metrics: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT, then answer the accepted requests and return.

        Args:
            listener: Listening socket of all protocols.
            metrics: Listening socket of /metrics.

        Raises:
            ServeError: If the model cannot be served.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        registry = CollectorRegistry()
        registry.register(self._metrics)
        for collector in (ProcessCollector, GCCollector):
            collector(registry=registry)
        metrics_of_server = metrics_routes(registry, lambda: self._loaded.model.signature if self._loaded else None)
        scraped = self._listener(metrics_of_server)
        await scraped.start(metrics)
        tasks = [asyncio.create_task(one) for one in self._kept()]
        try:
            await self._serve(listener)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await scraped.stop()

    async def _serve(self, listener: socket.socket) -> None:
        context = self._certificate.context if self._certificate else None
        waiting = self._listener(
            [*health_routes(self._ready, self._alive, self._soon), web.route("*", "/{path:.*}", self._not_ready)]
        )
        await waiting.start(listener, context)
        loading = run_in_daemon(partial(self._load, asyncio.get_running_loop()))
        ending = asyncio.ensure_future(self._ending.wait())
        first: list[asyncio.Future[Any]] = [loading, ending]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            return  # the model is not loaded, so no request waits for it
        loaded = loading.result()
        parts = assemble(
            loaded,
            self._config,
            admission=self._admission,
            request_log=self._request_log,
            metrics=self._metrics,
            authorize=self._keys.authorize if self._keys else refuse_other_origins,
            threads=self._threads,
            ready=self._ready,
        )
        serving = self._listener([*health_routes(self._ready, self._alive), *parts.routes], parts.fast_path)
        await serving.start(listener, context)
        self._loaded, self._batcher = loaded, parts.batcher
        if not self._ending.is_set():  # a signal may have arrived while the server began to listen
            self._why = None
            self._settled.set()
        _settle()
        log.info("ready")
        await waiting.stop()
        await ending
        await self._drain(serving, listener, parts.batcher)

    async def _drain(self, serving: Listener, listener: socket.socket, batcher: Batcher) -> None:
        log.info("draining: accepting requests for %.0f s more", self._stay)
        await asyncio.sleep(self._stay)
        listener.close()
        serving.refuse()
        left = await self._request_log.done(GRACE_SECONDS - self._stay - END_SECONDS)
        if left:
            log.warning("the grace period ends: refusing %d requests without an answer", left)
            batcher.give_up(NotReady(f"{self._why}: no time is left to answer this request: try again"))
            await self._request_log.done(GIVEN_UP_SECONDS)
        await serving.stop()
        log.info("stopped")

    def _end(self) -> None:
        self._why = "the server is shutting down"
        self._settled.set()
        self._ending.set()

    def _ready(self) -> str | None:
        return self._why or self._late(MOST_SECONDS, UNREADY_TIMES)

    def _alive(self) -> str | None:
        return self._late(DEAD_SECONDS, DEAD_TIMES)

    def _late(self, seconds: float, times: float) -> str | None:
        return self._batcher.late(seconds, times) if self._batcher is not None else None

    async def _soon(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SOON_SECONDS):
                await self._settled.wait()

    async def _not_ready(self, _: web.Request) -> web.StreamResponse:
        raise NotReady(f"{self._why}: try again later")

    def _listener(self, routes: Iterable[web.RouteDef], fast_path: FastPath | None = None) -> Listener:
        return Listener(routes, request_middleware(self._request_log, self._admission), self._connections, fast_path)

    def _kept(self) -> Sequence[Coroutine[Any, Any, None]]:
        """Return the coroutines that run in the background while the server serves."""
        kept = [self._access_log.run(), self._connections.run()]
        if self._keys is not None:
            kept.append(self._keys.run())
        if self._certificate is not None:
            kept.append(self._certificate.run())
        return kept

    def _load(self, loop: asyncio.AbstractEventLoop) -> Loaded:
        """Load the model. The method runs in a thread of its own."""

        def waits(why: str | None) -> None:
            loop.call_soon_threadsafe(self._store_wait, why)

        def storage() -> "Storage":
            from epochal_lib.model_server.storage import Storage  # noqa: PLC0415 - only a download needs the S3 client

            return Storage(self._config.storage, waits=waits)

        return load(self._config, storage, self._threads, self._folders.model)

    def _store_wait(self, why: str | None) -> None:
        """Store the reason why the server waits for the storage, or None once the storage has answered."""
        if self._ending.is_set():
            return
        self._why = f"waiting for the storage: {why}" if why else LOADING
        if why:
            self._settled.set()
        else:
            self._settled.clear()


def _connections(queued: int) -> int:
    """Return the maximum number of connections at a time.

    Args:
        queued: Maximum number of waiting requests.
    """
    wanted = max(MOST, queued + OTHERS)
    allowed = file_descriptors(wanted + FILES) - FILES
    if allowed < wanted:
        log.warning("the container's limit of open files allows %d connections, expected %d: raise it", allowed, wanted)
    return max(allowed, 2 * OTHERS)


def file_descriptors(needed: int) -> int:
    """Raise this process's limit of open files and connections, if needed and as far as allowed.

    Container runtimes may allow 1,024 at first: https://0pointer.net/blog/file-descriptor-limits.html.

    Args:
        needed: Number of descriptors that are needed.

    Returns:
        The number of those that are allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def _settle() -> None:
    """Exclude the present objects, such as all modules, from garbage collection, which would scan them repeatedly."""
    gc.collect()
    gc.freeze()
