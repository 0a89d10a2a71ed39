"""The controller: the watches, queues and reconcilers of the leader. All their state ends with the leadership."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from functools import partial
from operator import itemgetter

from epochal_operator.runtime import logs
from epochal_operator.runtime.api.errors import ApiError
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.informer import AddFunction, Informer
from epochal_operator.runtime.kind import Kind, ReconcileContext, Reconciler, reader_for, store_for
from epochal_operator.runtime.leader import LeaseLost
from epochal_operator.runtime.metrics import OperatorMetrics
from epochal_operator.runtime.queue import Queue
from epochal_operator.runtime.recorder import Recorder
from epochal_operator.runtime.watch.kopf_watch import watch
from epochal_operator.runtime.watch.lists import list_source, resync

RESYNC_SECONDS = 300.0
"""Seconds between resyncs, which list and reconcile all objects again and so find changes that a watch missed."""
BUSY_NAMESPACES = 4
"""Other namespaces wait only while this number of namespaces use all their workers, for example for requests that hang
in a webhook."""
RETRY_SECONDS = 2.0
CRD_SECONDS = 30.0
"""Seconds between checks for missing CRDs. Objects of kinds whose CRDs are installed are reconciled meanwhile."""

_log = logging.getLogger(__name__)


class Controller:
    """Watches and reconciles the objects of all kinds. Each kind has its own queue.

    Args:
        kinds: The kinds.
        kube: Client of the API server. Its writes stop when the leadership ends.
        metrics: Metrics of the queues and reconciles.
        namespaces: Namespaces that the operator serves; empty for all namespaces.
        workers: Maximum number of objects of one kind in one namespace that are reconciled concurrently.

    Attributes:
        store: The cache of all objects.
        queues: The work queue of each kind.
    """

    def __init__(
        self,
        kinds: Iterable[Kind],
        kube: Kube,
        metrics: OperatorMetrics,
        *,
        namespaces: tuple[str, ...],
        workers: int,
    ) -> None:
        kinds = tuple(kinds)
        self._reader = reader_for(kinds)
        self._kube = kube = kube.with_reader(self._reader)
        self._metrics = metrics
        self._namespaces = namespaces
        self._workers = workers
        self.queues: dict[Kind, Queue[Key]] = {kind: self._queue(kind) for kind in kinds}
        self.store = store_for(self.queues)
        self._informer = Informer(self.store, {kind: _add_function(queue, kind) for kind, queue in self.queues.items()})
        self._recorder = Recorder(kube.without_retries())
        self._reconcilers: Mapping[Kind, Reconciler] = {
            kind: kind.reconciler(
                ReconcileContext(
                    kube.with_callback(self.queues[kind].record_progress),
                    self.store,
                    self._recorder,
                    namespaces,
                    enqueue=partial(self._informer.enqueue, kind),
                    on_change=partial(self._informer.enqueue_affected, by=kind),
                )
            )
            for kind in self.queues
        }

    async def run(self) -> None:
        """Run the controller until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for queue in self.queues.values():
                group.create_task(queue.run(BUSY_NAMESPACES * self._workers, share=self._workers))
            for reconciler in self._reconcilers.values():
                group.create_task(reconciler.run())
            group.create_task(self._recorder.run())
            group.create_task(self._resync())
            while True:
                if served := await self._served_kinds():
                    await self._watch(served)
                await asyncio.sleep(RETRY_SECONDS)

    def depth(self) -> int:
        """Return the number of objects of all kinds that wait for a worker."""
        return sum(queue.depth for queue in self.queues.values())

    def longest_without_progress(self) -> tuple[float, Kind]:
        """Return the longest time in seconds without progress while objects wait, and the kind of these objects."""
        return max(((queue.seconds_without_progress(), kind) for kind, queue in self.queues.items()), key=itemgetter(0))

    async def _served_kinds(self) -> set[Kind]:
        """Return the kinds that the API server serves, and record the other kinds, which kopf would silently ignore."""
        answers = {kind: await self._is_served(kind) for kind in self.queues}
        self._informer.set_absent(kind.resource for kind, served in answers.items() if served is False)
        return {kind for kind, served in answers.items() if served}

    async def _is_served(self, kind: Kind) -> bool | None:
        """Return whether the API server serves a kind (its CRD is installed); None if the request failed."""
        name, failed = kind.resource.kind, False
        for namespace in self._namespaces or (None,):
            try:
                if await self._kube.is_served(kind.resource, namespace):
                    return True
                _log.warning("the API server does not serve %ss: install the CRDs of %s", name, kind.resource.group)
            except ApiError as error:
                failed = True
                _log.warning("cannot list %ss: %s", name, error)
        return None if failed else False

    async def _watch(self, served: set[Kind]) -> None:
        """Watch the objects of the kinds `served` until the watches end, or the API server serves another kind too."""
        lister = partial(list_source, self._kube, self._informer)
        watching = asyncio.create_task(watch(self._informer, lister, self._namespaces, self._reader))
        waiting = asyncio.create_task(self._wait_for_crd(served))
        try:
            await asyncio.wait({watching, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            watching.cancel()
            (error,) = await asyncio.gather(watching, return_exceptions=True)
        if isinstance(error, Exception):
            _log.warning(
                "restarting the watches of the API server after an error: %s", str(error) or type(error).__name__
            )

    async def _wait_for_crd(self, served: set[Kind]) -> None:
        while served != self.queues.keys():
            await asyncio.sleep(CRD_SECONDS)
            if await self._served_kinds() > served:
                return
        await asyncio.Event().wait()

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            self._informer.enqueue_all()
            try:
                await resync(self._kube, self._informer, self._namespaces)
            except Exception as error:  # noqa: BLE001 - any error: the next resync lists again
                _log.warning("the resync failed, and is retried later: %s", str(error) or type(error).__name__)

    def _queue(self, kind: Kind) -> Queue[Key]:
        return Queue(
            partial(self._reconcile, kind),
            group=lambda key: key.namespace,
            observe_wait=self._metrics.queue_wait.observe,
        )

    async def _reconcile(self, kind: Kind, key: Key) -> float | None:
        with logs.log_context(*key), self._metrics.reconcile_duration.time():
            try:
                requeue_after = await self._reconcilers[kind].reconcile(key)
            except Exception as error:
                self._metrics.reconcile.labels("error").inc()
                is_expected = isinstance(error, ApiError | LeaseLost)
                _log.warning("the reconcile failed and is retried: %s", error, exc_info=not is_expected)
                raise
        self._metrics.reconcile.labels("success").inc()
        return requeue_after


def _add_function(queue: Queue[Key], kind: Kind) -> AddFunction:
    """Return the function that enqueues an object of a kind: after the kind's batch interval, or with low priority."""

    def add(key: Key, *, low_priority: bool = False) -> None:
        if kind.batch_seconds and not low_priority:
            queue.add_after(key, kind.batch_seconds)
        else:
            queue.add(key, low_priority=low_priority)

    return add
