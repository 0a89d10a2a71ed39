"""The server process: it loads its model, serves until SIGTERM, and ends after it has answered the last request."""

import asyncio
import gc
import logging
import math
import resource
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from epochal_api.modelserver.config import ServerConfig
from epochal_api.modelserver.pod import AUTH_FOLDER, ENDPOINT_REMOVAL_SECONDS, GRACE_SECONDS, MODEL_FOLDER, TLS_FOLDER
from epochal_lib import cgroups
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from epochal_server.admission import MAX_QUEUE_SECONDS, AdmissionControl
from epochal_server.assemble import assemble
from epochal_server.auth import Keys, refuse_other_origins
from epochal_server.connections.connection import MAX_CONNECTIONS, Connections
from epochal_server.connections.fast_path import FastPath
from epochal_server.connections.tls import CHECK_SECONDS, Certificate
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
from epochal_server.worker_pool import WorkerPool, run_in_daemon

if TYPE_CHECKING:
    from epochal_lib.model_server.storage import Storage

PROBE_WAIT_SECONDS = 2.0
"""Time for which a readiness probe waits for the model while it is loading. It is shorter than the kubelet's timeout of
the probe. The kubelet would repeat a failed probe only a second later."""
MAX_WAITING_PROBES = 16
"""Maximum number of readiness probes that wait for the model. Each keeps a connection, which a liveness probe of the
kubelet may need."""
SHUTDOWN_SECONDS = 3.0
"""Seconds at the end of the pod's grace period that are reserved for the shutdown after the last answer."""
REFUSE_SECONDS = 1.0
"""Seconds of SHUTDOWN_SECONDS that are reserved to send errors for requests that cannot be answered in time."""
SPARE_CONNECTIONS = 64
"""Connections beyond those of waiting requests. They stay free for refused clients and for the kubelet, which would
restart a server that does not answer."""
SPARE_FILES = 128
"""File descriptors that the server needs besides those of its clients' connections."""
BODY_MEMORY_DIVISOR = 8
"""The limit for request bodies and answers is the container's memory limit divided by this number. A decoded body takes
several times as many bytes."""
WORKER_BYTES = 256 * 2**20
"""Memory of the container for each thread that decodes requests. A photograph of few bytes takes up to 64 MiB there.
Without a CPU limit, a server on a large node would have too many of these threads for its memory."""
DEFAULT_BODY_BYTES = 256 * 2**20
"""Limit for request bodies and answers if the container has no memory limit."""
LOADING = "the model is not loaded yet"
UNREADY_FACTOR = 2
"""A server is not ready while a call of the model or of a worker thread takes longer than `MAX_QUEUE_SECONDS` and than
this multiple of its usual time. It refuses all requests until the call ends."""
DEAD_SECONDS = 300.0
DEAD_FACTOR = 10
"""A server is not live while a call of the model or of a worker thread takes longer than `DEAD_SECONDS` and than this
multiple of its usual time. The kubelet then restarts the server. Loading and warm-up have no such limit: the first
calls of a large model may take minutes."""


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Folders:
    """The mount paths of the volumes with the model, the API keys and the TLS certificate."""

    model: Path = Path(MODEL_FOLDER)
    auth: Path = Path(AUTH_FOLDER)
    tls: Path = Path(TLS_FOLDER)


class Server:
    """The server of one model. After SIGTERM it still accepts requests for `stay_seconds`.

    Raises:
        ServeError: InvalidConfig, if the required certificate or the required keys are missing.
    """

    def __init__(self, config: ServerConfig, folders: Folders, stay_seconds: float = ENDPOINT_REMOVAL_SECONDS) -> None:
        self._config = config
        self._folders = folders
        self._stay_seconds = stay_seconds
        self._not_ready_reason: str | None = LOADING
        # Set if the server is ready, waits for the storage, or shuts down: then readiness probes need not wait.
        self._is_readiness_known = asyncio.Event()
        self._waiting_probes = asyncio.Semaphore(MAX_WAITING_PROBES)
        self._loaded: Loaded | None = None
        self._slow_call_messages: Sequence[Callable[[float, float], str | None]] = ()
        self._shutdown = asyncio.Event()
        self._threads = max(1, math.ceil(cgroups.cores()))
        memory = cgroups.limit()
        self._workers = max(1, min(self._threads, memory // WORKER_BYTES)) if memory else self._threads
        body_bytes = memory // BODY_MEMORY_DIVISOR if memory else DEFAULT_BODY_BYTES
        connections = _max_connections(config.limits.queued_requests)
        queued = min(config.limits.queued_requests, connections - SPARE_CONNECTIONS)
        self._admission = AdmissionControl(queued, max(config.limits.request_bytes, body_bytes))
        self._metrics = Metrics(lambda: self._admission.waiting)
        self._access_log = AccessLog()
        self._request_log = RequestLog(self._metrics, self._access_log, self._shutdown.is_set)
        self._connections = Connections(connections, self._admission)
        self._certificate = Certificate(folders.tls) if config.tls else None
        self._keys = Keys(folders.auth) if config.auth else None
        if self._keys is not None:
            self._keys.require()

    async def run(self, listener: socket.socket, metrics: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT, then answer the accepted requests and return.

        Raises:
            ServeError: If the model cannot be served.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._begin_shutdown)
        registry = CollectorRegistry()
        registry.register(self._metrics)
        for collector in (ProcessCollector, GCCollector):
            collector(registry=registry)
        metrics_listener = self._listener(
            metrics_routes(registry, lambda: self._loaded.model.signature if self._loaded else None)
        )
        await metrics_listener.start(metrics)
        tasks = [asyncio.create_task(coroutine) for coroutine in self._background_tasks()]
        try:
            await self._serve(listener)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await metrics_listener.stop()

    async def _serve(self, listener: socket.socket) -> None:
        context = self._certificate.context if self._certificate else None
        probes = health_routes(self._ready, self._alive, self._wait_for_readiness)
        refusing = self._listener([*probes, web.route("*", "/{path:.*}", self._not_ready)])
        await refusing.start(listener, context)
        loading = run_in_daemon(partial(self._load, asyncio.get_running_loop()))
        shutdown = asyncio.ensure_future(self._shutdown.wait())
        futures: list[asyncio.Future[Any]] = [loading, shutdown]
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            return  # the model is not loaded, so no request waits for it
        loaded = loading.result()
        routes, fast_path = assemble(
            loaded,
            self._config,
            admission=self._admission,
            request_log=self._request_log,
            metrics=self._metrics,
            authorize=self._keys.authorize if self._keys else refuse_other_origins,
            threads=self._workers,
            ready=self._ready,
        )
        serving = self._listener([*health_routes(self._ready, self._alive), *routes], fast_path)
        await serving.start(listener, context)
        self._slow_call_messages = fast_path.batcher.slow_call_message, fast_path.workers.slow_call_message
        self._loaded = loaded
        if not self._shutdown.is_set():  # a signal may have arrived while the server began to listen
            self._not_ready_reason = None
            self._is_readiness_known.set()
        _freeze_objects()
        log.info("ready")
        await refusing.stop()
        await shutdown
        await self._drain(serving, listener, fast_path.batcher, fast_path.workers)

    async def _drain(self, serving: Listener, listener: socket.socket, batcher: Batcher, workers: WorkerPool) -> None:
        log.info("draining: accepting requests for %.0f s more", self._stay_seconds)
        await asyncio.sleep(self._stay_seconds)
        listener.close()
        serving.refuse()
        unanswered = await self._request_log.wait_until_idle(GRACE_SECONDS - self._stay_seconds - SHUTDOWN_SECONDS)
        if unanswered:
            log.warning("the grace period ends: refusing %d unanswered requests", unanswered)
            why = NotReady(f"{self._not_ready_reason}: the grace period ends: send the request again")
            batcher.fail_queued(why)
            workers.refuse(why)
            await self._request_log.wait_until_idle(REFUSE_SECONDS)
        await serving.stop()
        log.info("stopped")

    def _begin_shutdown(self) -> None:
        self._not_ready_reason = "the server is shutting down"
        self._is_readiness_known.set()
        self._shutdown.set()

    def _ready(self) -> str | None:
        return self._not_ready_reason or self._slow_call(MAX_QUEUE_SECONDS, UNREADY_FACTOR)

    def _alive(self) -> str | None:
        return self._slow_call(DEAD_SECONDS, DEAD_FACTOR)

    def _slow_call(self, seconds: float, factor: float) -> str | None:
        return next(filter(None, (message(seconds, factor) for message in self._slow_call_messages)), None)

    async def _wait_for_readiness(self) -> None:
        if self._waiting_probes.locked():
            return
        with suppress(TimeoutError):
            async with self._waiting_probes, asyncio.timeout(PROBE_WAIT_SECONDS):
                await self._is_readiness_known.wait()

    async def _not_ready(self, _: web.Request) -> web.StreamResponse:
        raise NotReady(f"{self._not_ready_reason}: try again later")

    def _listener(self, routes: Iterable[web.RouteDef], fast_path: FastPath | None = None) -> Listener:
        return Listener(routes, request_middleware(self._request_log, self._admission), self._connections, fast_path)

    def _background_tasks(self) -> Sequence[Coroutine[Any, Any, None]]:
        """Return coroutines that write the access log, close idle connections, and reload keys and certificate."""
        tasks = [self._access_log.run(), self._connections.run()]
        if self._keys is not None:
            tasks.append(self._keys.run())
        if self._certificate is not None:
            tasks.append(self._certificate.run(CHECK_SECONDS))
        return tasks

    def _load(self, loop: asyncio.AbstractEventLoop) -> Loaded:
        """Load the model. The method runs in a thread of its own."""

        def waits(reason: str | None) -> None:
            loop.call_soon_threadsafe(self._set_storage_wait, reason)

        def storage() -> "Storage":
            from epochal_lib.model_server.storage import Storage  # noqa: PLC0415 - only a download needs the S3 client

            return Storage(self._config.storage, waits=waits)

        return load(self._config, storage, self._threads, self._folders.model)

    def _set_storage_wait(self, reason: str | None) -> None:
        """Store why the server waits for the storage, as the reason for not being ready.

        None means that the storage has answered: then the reason is that the model is not loaded yet.
        """
        if self._shutdown.is_set():
            return
        self._not_ready_reason = f"waiting for the storage: {reason}" if reason else LOADING
        if reason:
            self._is_readiness_known.set()
        else:
            self._is_readiness_known.clear()


def _max_connections(queued: int) -> int:
    """Return the maximum number of open connections: enough for `queued` waiting requests.

    It is lower if the limit of open files does not allow so many connections.
    """
    needed = max(MAX_CONNECTIONS, queued + SPARE_CONNECTIONS)
    allowed = raise_file_limit(needed + SPARE_FILES) - SPARE_FILES
    if allowed < needed:
        log.warning(
            "limit of open files (RLIMIT_NOFILE) allows %d connections, expected %d: raise the limit of the container "
            "runtime",
            allowed,
            needed,
        )
    return max(allowed, 2 * SPARE_CONNECTIONS)


def raise_file_limit(needed: int) -> int:
    """Raise this process's limit of open files to `needed`, but at most to its hard limit.

    Return the new limit, or `needed` if the limit was already higher.

    Container runtimes may allow 1,024 at first: https://0pointer.net/blog/file-descriptor-limits.html.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def _freeze_objects() -> None:
    """Exclude all existing objects, such as modules, from garbage collection, which would scan them repeatedly."""
    gc.collect()
    gc.freeze()
