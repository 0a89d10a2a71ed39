"""The operator's process: every replica receives progress reports, and the leader reconciles."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from epochal_lib.json_log import configure
from epochal_lib.sockets import listen
from prometheus_client import CollectorRegistry

from epochal_operator.checker.client import CheckerClient, CheckerMetrics
from epochal_operator.config import Config, read_config
from epochal_operator.experiment.kind import experiments
from epochal_operator.modelserver.kind import model_servers
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime import logs
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.controller import Controller
from epochal_operator.runtime.kind import Kind, reader_for
from epochal_operator.runtime.leader import Leadership, LeaseLost
from epochal_operator.runtime.metrics import ObjectCollector, OperatorMetrics
from epochal_operator.trainingjob.kind import training_jobs
from epochal_operator.trainingjob.metrics import ReportMetrics
from epochal_operator.trainingjob.progress.endpoint import ProgressEndpoint
from epochal_operator.web.health import health_routes
from epochal_operator.web.server import BACKLOG, Server
from epochal_operator.web.tls import ServingCertificate

NO_PROGRESS_SECONDS = 120.0
"""Seconds without progress while objects of a kind wait, after which /healthz fails. A single request of a reconcile or
a single call of a searcher takes less time."""

_log = logging.getLogger("epochal_operator")


class Operator:
    """The parts of the operator's process: HTTP servers, TLS certificate, leader election, and controller."""

    def __init__(self, config: Config, kube: Kube) -> None:
        self._config = config
        self._registry = CollectorRegistry()
        self._checker: CheckerClient | None = None
        if config.checker_url is not None:
            self._checker = CheckerClient(config.checker_url, config.trainer_image, CheckerMetrics(self._registry))
        settings: Any = {"instance": config.instance, "metric_labels": config.metric_labels}
        self._kinds = (
            training_jobs(self._installation, checker=self._checker, **settings),
            experiments(self._installation, checker=self._checker, **settings),
            model_servers(self._installation, **settings),
        )
        self._kube = kube = kube.with_reader(reader_for(self._kinds))
        for kind in self._kinds:
            self._registry.register(ObjectCollector(kind.collect, partial(self._objects, kind)))
        self._metrics = OperatorMetrics(self._registry)
        self._certificate = ServingCertificate(kube, config.namespace, config.tls_secret, config.service)
        self._leadership = Leadership(kube, config.namespace, config.lease, config.instance)
        self._controller: Controller | None = None
        self._metrics.leader.set_function(lambda: self._controller is not None)
        self._metrics.workqueue_depth.set_function(lambda: self._controller.depth() if self._controller else 0)

    async def run(self) -> None:
        """Serve metrics, probes and progress reports, and reconcile while this process leads, until cancelled."""
        config, metrics = self._config, ReportMetrics(self._registry)
        http = listen(config.http_port, backlog=BACKLOG)
        progress = listen(config.progress_port, backlog=BACKLOG)
        endpoint = ProgressEndpoint(self._kube, metrics, config.status_writes_per_second, config.namespaces)
        reports = Server(endpoint.routes(), progress, self._certificate.context)
        health = health_routes(
            registry=self._registry, no_progress=self._no_progress_message, ready=reports.serving.is_set
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(Server(health, http).run())
                group.create_task(self._certificate.keep_valid())
                await self._certificate.loaded.wait()
                group.create_task(reports.run())
                while True:
                    await self._leadership.acquire()
                    await self._lead()
        finally:
            if self._checker is not None:
                await self._checker.close()

    async def _lead(self) -> None:
        """Run the controller until this process loses the leadership or is cancelled, then release the lease."""
        kube, config = self._kube.with_write_deadline(self._leadership.seconds_left), self._config
        self._controller = Controller(
            self._kinds, kube, self._metrics, namespaces=config.namespaces, workers=config.workers
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._leadership.renew_until_lost())
                group.create_task(self._controller.run())
        except* LeaseLost as lost:
            _log.warning("lost the leader lease: %s", lost.exceptions[0])
        finally:
            self._controller = None
            await self._leadership.release()

    def _objects(self, kind: Kind) -> Iterable[Object]:
        controller = self._controller  # read by the metrics thread, while the leadership may end
        return controller.store.objects(kind.resource) if controller else ()

    def _installation(self) -> Installation:
        """Return the current settings. Each reconcile calls this method, because the certificate authority changes."""
        config = self._config
        return Installation(
            trainer_image=config.trainer_image,
            server_image=config.server_image,
            storage_endpoint=config.storage_endpoint,
            scratch_limit=config.scratch_limit,
            tmp_limit=config.tmp_limit,
            progress_url=f"https://{config.service}:{config.progress_port}",
            progress_ca=self._certificate.authority,
            labels=config.metric_labels,
            server_network=config.server_network,
        )

    def _no_progress_message(self) -> str | None:
        if self._controller is None:
            return None
        seconds, kind = self._controller.longest_without_progress()
        return f"no {kind.resource.kind} was reconciled for {seconds:.0f} s" if seconds > NO_PROGRESS_SECONDS else None


async def run(config: Config) -> None:
    """Run the operator until SIGINT or SIGTERM.

    Raises:
        Exception: If the operator cannot continue, so that the process must be restarted.
    """
    kube = await Kube.connect()
    task = asyncio.ensure_future(Operator(config, kube).run())

    def drain(number: signal.Signals) -> None:
        _log.info("received %s: draining", number.name)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, drain, number)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        await kube.close()


def main() -> None:
    """Run the operator with the command line's options, or `experiment.replay` if the first argument is `replay`."""
    if sys.argv[1:2] == ["replay"]:  # Like a search, it needs Optuna, which the operator's process must not load.
        os.execv(sys.executable, [sys.executable, "-m", "epochal_operator.experiment.replay", *sys.argv[2:]])  # noqa: S606
    config = read_config(sys.argv[1:])
    configure(logs.FORMATTER, config.log_level)
    gc.freeze()  # keep imported objects out of collections, which take a third of the start time
    asyncio.run(run(config))


if __name__ == "__main__":
    main()
