"""The operator's process: every replica receives progress reports, and the leader reconciles."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterable
from functools import partial

from epochal_lib.json_log import configure
from epochal_lib.sockets import listen
from prometheus_client import CollectorRegistry

from epochal_operator.config import Config, read_config
from epochal_operator.experiment.kind import experiments
from epochal_operator.modelserver.kind import model_servers
from epochal_operator.runtime import logs
from epochal_operator.runtime.controller import Controller
from epochal_operator.runtime.kind import Kind, reader_for
from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.leader import Leadership, LeaseLost
from epochal_operator.runtime.metrics import ObjectCollector, OperatorMetrics
from epochal_operator.runtime.resource import Object
from epochal_operator.trainingjob.kind import training_jobs
from epochal_operator.trainingjob.metrics import ReportMetrics
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.progress_endpoint import ProgressEndpoint
from epochal_operator.web.health import health_routes
from epochal_operator.web.server import BACKLOG, Server
from epochal_operator.web.tls import ServingCertificate

STALLED_SECONDS = 120.0
"""Longer than a request of a reconcile, or a question of a search, may take. A reconcile may make many requests."""

_log = logging.getLogger("epochal_operator")


class Operator:
    """The process of the operator.

    Args:
        config: The configuration.
        kube: The API server.
    """

    def __init__(self, config: Config, kube: Kube) -> None:
        self._config = config
        self._kinds = (
            training_jobs(self._installation, instance=config.instance, metric_labels=config.metric_labels),
            experiments(self._installation, instance=config.instance, metric_labels=config.metric_labels),
            model_servers(self._installation, instance=config.instance, metric_labels=config.metric_labels),
        )
        self._kube = kube = kube.reading(reader_for(self._kinds))
        self._registry = CollectorRegistry()
        for kind in self._kinds:
            self._registry.register(ObjectCollector(kind.collect, partial(self._objects, kind)))
        self._metrics = OperatorMetrics(self._registry)
        self._report_metrics = ReportMetrics(self._registry)
        self._certificate = ServingCertificate(kube, config.namespace, config.tls_secret, config.service)
        self._leadership = Leadership(kube, config.namespace, config.lease, config.instance)
        self._controller: Controller | None = None
        self._metrics.leader.set_function(lambda: self._controller is not None)
        self._metrics.workqueue_depth.set_function(lambda: self._controller.depth() if self._controller else 0)

    async def run(self) -> None:
        """Serve HTTP, and reconcile while this process leads, until cancelled."""
        http = listen(self._config.http_port, backlog=BACKLOG)
        progress = listen(self._config.progress_port, backlog=BACKLOG)
        async with asyncio.TaskGroup() as group:
            endpoint = ProgressEndpoint(
                self._kube, self._report_metrics, self._config.status_writes_per_second, self._config.namespaces
            )
            reports = Server(endpoint.routes(), progress, self._certificate.context)
            routes = health_routes(registry=self._registry, stalled=self._stalled, ready=reports.serving.is_set)
            group.create_task(Server(routes, http).run())
            group.create_task(self._certificate.keep())
            await self._certificate.loaded.wait()
            group.create_task(reports.run())
            while True:
                await self._leadership.acquire()
                await self._lead()

    async def _lead(self) -> None:
        """Reconcile until this process loses the leadership."""
        kube = self._kube.fenced(self._leadership.seconds_left)
        self._controller = Controller(
            self._kinds, kube, self._metrics, namespaces=self._config.namespaces, workers=self._config.workers
        )
        try:
            async with asyncio.TaskGroup() as term:
                term.create_task(self._leadership.hold())
                term.create_task(self._controller.run())
        except* LeaseLost as group:
            _log.warning("leads no longer: %s", group.exceptions[0])
        finally:
            self._controller = None
            await self._leadership.release()

    def _objects(self, kind: Kind) -> Iterable[Object]:
        controller = self._controller  # read by the metrics thread, while the leadership may end
        return controller.store.objects(kind.resource) if controller else ()

    def _installation(self) -> Installation:
        return Installation(
            trainer_image=self._config.trainer_image,
            server_image=self._config.server_image,
            storage_endpoint=self._config.storage_endpoint,
            scratch_limit=self._config.scratch_limit,
            tmp_limit=self._config.tmp_limit,
            progress_url=f"https://{self._config.service}:{self._config.progress_port}",
            progress_ca=self._certificate.authority,
            labels=self._config.metric_labels,
            server_network=self._config.server_network,
        )

    def _stalled(self) -> str | None:
        if self._controller is None:
            return None
        seconds, kind = self._controller.stalled()
        return f"no {kind.resource.kind} was reconciled for {seconds:.0f} s" if seconds > STALLED_SECONDS else None


async def run(config: Config) -> None:
    """Run the operator until SIGINT or SIGTERM.

    Args:
        config: The configuration.

    Raises:
        Exception: If it cannot continue, so that the process must be restarted.
    """
    kube = await Kube.connect()
    task = asyncio.ensure_future(Operator(config, kube).run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        _log.info("ends, as it was told to")
    finally:
        await kube.close()


def main() -> None:
    """Run the operator with the options of the command line, or run the subcommand `replay`."""
    if sys.argv[1:2] == ["replay"]:  # it computes like a search, which the operator runs in other processes
        os.execv(sys.executable, [sys.executable, "-m", "epochal_operator.experiment.replay", *sys.argv[2:]])  # noqa: S606
    config = read_config(sys.argv[1:])
    configure(logs.FORMATTER, config.log_level)
    gc.freeze()  # keep imported objects out of collections, which take a third of the start time
    asyncio.run(run(config))


if __name__ == "__main__":
    main()
