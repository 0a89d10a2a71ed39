"""The operator: every replica takes progress reports, one of them reconciles."""

import asyncio
import logging
import signal
import sys
from time import monotonic

from epochal_api.trainingjob import GROUP
from prometheus_client import CollectorRegistry

from epochal_operator import logs
from epochal_operator.children import Installation
from epochal_operator.config import Config, read_config
from epochal_operator.handlers import watch
from epochal_operator.health import health_routes
from epochal_operator.kube import ApiError, Kube
from epochal_operator.leader import Leadership, LeaseLost
from epochal_operator.metrics import JobCollector, OperatorMetrics
from epochal_operator.progress import ProgressEndpoint
from epochal_operator.queue import Queue
from epochal_operator.reconcile import Reconciler, resync
from epochal_operator.server import Server, listen
from epochal_operator.store import Key, Store
from epochal_operator.tls import ServingCertificate

RESYNC_SECONDS = 300.0
STALLED_SECONDS = 120.0
"""Longer than any one reconcile can take, as every request has an end."""
RETRY_SECONDS = 2.0

_log = logging.getLogger("epochal_operator")


class Operator:
    """The whole process.

    Args:
        config: What it was told.
        kube: The API server.
    """

    def __init__(self, config: Config, kube: Kube) -> None:
        self._config = config
        self._kube = kube
        self._store = Store()
        self._registry = CollectorRegistry()
        self._registry.register(JobCollector(self._store.training_jobs))
        self._metrics = OperatorMetrics(self._registry)
        self._certificate = ServingCertificate(kube, config.namespace, config.tls_secret, config.service)
        self._leadership = Leadership(kube, config.namespace, config.lease, config.instance)
        self._queue: Queue[Key] = Queue(self._reconcile, waited=self._metrics.queue_wait.observe)
        self._metrics.workqueue_depth.set_function(lambda: self._queue.depth)
        self._reconciler = Reconciler(kube, self._store, self._installation, instance=config.instance)

    async def run(self) -> None:
        """Serves and, while it leads, reconciles; ends when it is told to or no longer leads."""
        http = listen(self._config.http_port)
        progress = listen(self._config.progress_port)
        async with asyncio.TaskGroup() as group:
            endpoint = ProgressEndpoint(self._kube, self._metrics)
            reports = Server(endpoint.routes(), progress, self._certificate.context)
            routes = health_routes(registry=self._registry, stalled=self._stalled, ready=reports.serving.is_set)
            tasks = [
                group.create_task(Server(routes, http).run()),
                group.create_task(self._certificate.keep()),
            ]
            await self._certificate.loaded.wait()
            tasks.append(group.create_task(reports.run()))
            try:
                await self._lead(group)
            finally:
                for task in tasks:
                    task.cancel()

    async def _lead(self, group: asyncio.TaskGroup) -> None:
        await self._leadership.acquire()
        leading = group.create_task(self._leadership.hold())
        working = group.create_task(self._queue.run(self._config.workers))
        resyncing = group.create_task(self._resync())
        self._metrics.leader.set(1)
        try:
            await self._served()
            await watch(self._store, self._queue, self._config.namespaces)
        finally:
            lost = leading.done()
            for task in (resyncing, working, leading):
                task.cancel()
            if not lost:
                await self._leadership.release()

    async def _served(self) -> None:
        """Waits until the API server knows TrainingJobs: kopf would pass over what it does not find when it starts."""
        while True:
            try:
                if await self._kube.knows_training_jobs(next(iter(self._config.namespaces), None)):
                    return
                _log.warning("the API server does not know TrainingJobs: install the CRD of %s", GROUP)
            except ApiError as error:
                _log.warning("TrainingJobs cannot be listed: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            try:
                await resync(self._kube, self._store, self._config.namespaces)
            except ApiError as error:
                _log.warning("the resync failed: %s", error)
            for key in self._store.training_job_keys():
                self._queue.add(key)

    async def _reconcile(self, key: Key) -> float | None:
        with logs.about(*key), self._metrics.reconcile_duration.time():
            try:
                after = await self._reconciler.reconcile(key)
            except Exception as error:
                self._metrics.reconcile.labels("error").inc()
                _log.warning("failed, will be tried again: %s", error, exc_info=not isinstance(error, ApiError))
                raise
        self._metrics.reconcile.labels("success").inc()
        return after

    def _installation(self) -> Installation:
        return Installation(
            trainer_image=self._config.trainer_image,
            storage_endpoint=self._config.storage_endpoint,
            progress_url=f"https://{self._config.service}:{self._config.progress_port}",
            progress_ca=self._certificate.authority,
        )

    def _stalled(self) -> str | None:
        seconds = self._queue.stalled()
        return f"no TrainingJob was reconciled for {seconds:.0f} s" if seconds > STALLED_SECONDS else None


async def run(config: Config) -> None:
    """Runs the operator until it is told to end.

    Args:
        config: What it was told.

    Raises:
        Exception: If it cannot go on: start it anew.
    """
    kube = await Kube.connect()
    try:
        main_task = asyncio.ensure_future(Operator(config, kube).run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, main_task.cancel)
        await main_task
    except asyncio.CancelledError:
        _log.info("ends, as it was told to")
    finally:
        await kube.close()


def main() -> None:
    """Runs the operator as the command line says; exit code 1 if it could not go on."""
    config = read_config(sys.argv[1:])
    logs.configure(config.log_level)
    started = monotonic()
    try:
        asyncio.run(run(config))
    except* LeaseLost as group:
        _log.error("ends after %.0f s: %s", monotonic() - started, group.exceptions[0])
        sys.exit(1)


if __name__ == "__main__":
    main()
