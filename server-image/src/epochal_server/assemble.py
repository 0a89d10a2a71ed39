"""Connects the parts of a server once its model is loaded."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import web
from epochal_api.modelserver.config import ServerConfig

from epochal_server.admission import AdmissionControl
from epochal_server.auth import Authorize
from epochal_server.connections.fast_path import FastPath, fast_endpoints
from epochal_server.loading import Loaded
from epochal_server.model.batching import Batcher
from epochal_server.model.model import Arrays, Model
from epochal_server.monitoring import predictions
from epochal_server.monitoring.metrics import Metrics
from epochal_server.monitoring.request_log import RequestLog
from epochal_server.protocols import tfserving, v2, watson
from epochal_server.protocols.openapi import document
from epochal_server.protocols.protocol import Protocol
from epochal_server.routes import inference, page, photographs
from epochal_server.routes.handling import Service
from epochal_server.worker_pool import WorkerPool

PROTOCOLS = (v2, tfserving, watson)
"""The modules of the protocols for inference."""


@dataclass(frozen=True)
class Parts:
    """The parts of a server with a loaded model."""

    routes: Sequence[web.RouteDef]
    """All routes except the health probes."""
    fast_path: FastPath
    batcher: Batcher


def protocols(model: Model) -> list[Protocol]:
    """Return the protocols for a model."""
    return [module.protocol(model) for module in PROTOCOLS]


def assemble(
    loaded: Loaded,
    config: ServerConfig,
    *,
    admission: AdmissionControl,
    request_log: RequestLog,
    metrics: Metrics,
    authorize: Authorize,
    threads: int,
    ready: Callable[[], str | None],
) -> Parts:
    """Return the parts of a server.

    Args:
        loaded: The loaded model.
        config: The configuration of the server.
        admission: The admission control.
        request_log: Records each request.
        metrics: The metrics, which get the model's data.
        authorize: Checks that a request is allowed.
        threads: Maximum number of threads that compute at a time.
        ready: Returns the reason why the server should get no requests, or None if it is ready.
    """
    model = loaded.model
    count = predictions.counted(model)
    metrics.loaded(
        loaded.seconds,
        predictions.names(model) or (),
        model=model.name,
        version=model.version,
        runtime=config.runtime,
        sha256=config.source.sha256,
    )

    def computed(samples: int, outputs: Sequence[Arrays]) -> None:
        metrics.batch(samples)
        for one in outputs:
            metrics.not_finite(predictions.not_finite(one))
            if count is not None:
                metrics.predictions(count(one))

    batcher = Batcher(
        model,
        loaded.runtime.run,
        most=loaded.most,
        delay=config.batching.max_delay_microseconds / 1e6,
        thread=ThreadPoolExecutor(1, thread_name_prefix="model"),
        pace=loaded.pace,
        admission=admission,
        computed=computed,
    )
    workers = WorkerPool(ThreadPoolExecutor(threads, thread_name_prefix="work"), admission, threads)
    service = Service(model, batcher.answer, workers, ready, authorize, admission)
    known = protocols(model)
    routes = [*photographs.routes(service), *inference.routes(service, known), *page.routes(service, document(model))]
    fast_path = FastPath(fast_endpoints(known, model), model, batcher, authorize, request_log, workers)
    return Parts(routes, fast_path, batcher)
