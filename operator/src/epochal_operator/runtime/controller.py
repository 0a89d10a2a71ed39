"""The controller: all that a leader runs, for as long as it leads. What it knows begins and ends with it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from epochal_api.trainingjob import GROUP

from epochal_operator.config import Config
from epochal_operator.runtime import logs
from epochal_operator.runtime.inventory import Inventory, resync
from epochal_operator.runtime.kube import ApiError, Kube
from epochal_operator.runtime.leader import LeaseLost
from epochal_operator.runtime.queue import Queue
from epochal_operator.runtime.store import Key, Store
from epochal_operator.runtime.watch import watch
from epochal_operator.trainingjob.metrics import OperatorMetrics
from epochal_operator.trainingjob.pod_refusals import watch_refusals
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.reconcile import Reconciler

RESYNC_SECONDS = 300.0
"""How often all is read anew, and looked at: whatever a watch has failed to tell, it is found."""
NAMESPACES = 4
"""Namespaces that may keep all their workers busy, as one does whose requests hang in a webhook, before others wait."""
RETRY_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Controller:
    """Watches and reconciles.

    Args:
        config: What the process was told.
        kube: The API server; its writes end with the leadership.
        installation: Returns what fills in where a spec says nothing.
        metrics: What measures the work.

    Attributes:
        store: What is known of TrainingJobs, Jobs and pods.
        queue: The TrainingJobs to look at.
    """

    def __init__(
        self,
        config: Config,
        kube: Kube,
        installation: Callable[[], Installation],
        metrics: OperatorMetrics,
    ) -> None:
        self._config = config
        self._kube = kube
        self._metrics = metrics
        self.store = Store()
        self.queue: Queue[Key] = Queue(
            self._reconcile, group=lambda key: key.namespace, waited=metrics.queue_wait.observe
        )
        self._inventory = Inventory(self.store, self.queue.add)
        self._reconciler = Reconciler(
            kube.once(), self.store, installation, instance=config.instance, wake=self.queue.add
        )

    async def run(self) -> None:
        """Works until it is cancelled."""
        workers = self._config.workers
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run(NAMESPACES * workers, share=workers))
            group.create_task(self._resync())
            group.create_task(self._reconciler.recorder.run())
            for namespace in self._config.namespaces or (None,):
                group.create_task(watch_refusals(self._kube, namespace, self._take_refusal))
            while True:
                if await self._served():
                    await self._watch()
                await asyncio.sleep(RETRY_SECONDS)

    async def _served(self) -> bool:
        """Returns whether the API server knows TrainingJobs: kopf would pass over what it does not find."""
        for namespace in self._config.namespaces or (None,):
            try:
                if await self._kube.knows_training_jobs(namespace):
                    return True
                _log.warning("the API server does not know TrainingJobs: install the CRD of %s", GROUP)
            except ApiError as error:
                _log.warning("TrainingJobs cannot be listed: %s", error)
        return False

    async def _watch(self) -> None:
        try:
            await watch(self._inventory, self._config.namespaces)
        except Exception as error:  # noqa: BLE001 - whatever ended the watches, they begin anew
            _log.warning("the watches ended and begin anew: %s", str(error) or type(error).__name__)

    def _take_refusal(self, event: Mapping[str, Any]) -> None:
        """Has a TrainingJob looked at whose pod cannot be created."""
        about = event.get("regarding") or {}
        key = Key(about.get("namespace", ""), about.get("name", ""))
        if self._reconciler.refusals.take(event) is not None and self.store.training_job(key) is not None:
            self._inventory.want(key)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            self._inventory.want_all()
            try:
                await resync(self._kube, self._inventory, self._config.namespaces)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is read again later
                _log.warning("the objects cannot be read: %s", str(error) or type(error).__name__)

    async def _reconcile(self, key: Key) -> float | None:
        with logs.about(*key), self._metrics.reconcile_duration.time():
            try:
                after = await self._reconciler.reconcile(key)
            except Exception as error:
                self._metrics.reconcile.labels("error").inc()
                expected = isinstance(error, ApiError | LeaseLost)
                _log.warning("failed, will be tried again: %s", error, exc_info=not expected)
                raise
        self._metrics.reconcile.labels("success").inc()
        return after
