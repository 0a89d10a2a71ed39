"""Connects the parts of a server, such as routes and metrics, once its model is loaded."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

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
from epochal_server.routes.service import Service
from epochal_server.worker_pool import WorkerPool

PROTOCOLS = (v2, tfserving, watson)


def protocols(model: Model) -> list[Protocol]:
    """Return the endpoints and JSON descriptions of each protocol: Open Inference, TensorFlow Serving, Watson."""
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
) -> tuple[Sequence[web.RouteDef], FastPath]:
    """Return the HTTP routes for a loaded model (without probes and /metrics), and the fast path for small requests."""
    model = loaded.model
    count_classes = predictions.class_counter(model)
    metrics.loaded(
        loaded.seconds,
        predictions.class_names(model) or (),
        model=model.name,
        version=model.version,
        runtime=config.runtime,
        sha256=config.source.sha256,
    )

    def on_call(samples: int, outputs: Sequence[Arrays]) -> None:
        metrics.batch(samples)
        for arrays in outputs:
            metrics.not_finite(predictions.not_finite(arrays))
            if count_classes is not None:
                metrics.predictions(count_classes(arrays))

    batcher = Batcher(
        model,
        loaded.runtime.run,
        max_batch_size=loaded.max_batch_size,
        delay=config.batching.max_delay_microseconds / 1e6,
        thread=ThreadPoolExecutor(1, thread_name_prefix="model"),
        seconds_per_sample=loaded.seconds_per_sample,
        admission=admission,
        on_call=on_call,
    )
    workers = WorkerPool(ThreadPoolExecutor(threads, thread_name_prefix="work"), admission, threads)
    service = Service(model, batcher.answer, workers, ready, authorize, admission)
    served = protocols(model)
    pages = page.routes(service, document(model), loaded.sample)
    routes = [*photographs.routes(service), *inference.routes(service, served), *pages]
    return routes, FastPath(fast_endpoints(served, model), model, batcher, authorize, request_log, workers)
