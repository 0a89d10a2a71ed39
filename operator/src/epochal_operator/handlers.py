"""The watches: kopf tells of every change of a TrainingJob, Job or pod, the store takes it, and the queue learns of it.

No handler changes anything or returns anything, so kopf writes neither annotations nor finalizers.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from os import environ
from typing import Any

import kopf
from epochal_api.trainingjob import GROUP, PLURAL, VERSION

from epochal_operator.children import NAME_LABEL
from epochal_operator.queue import Queue
from epochal_operator.store import Key, Kind, Store

REQUEST_SECONDS = 10.0
BACKOFFS = (0.2, 0.5, 1.0, 2.0)
MAX_BACKOFF = 5.0
END_TRIES, END_SECONDS = 25, 0.2

_log = logging.getLogger(__name__)

_RESOURCES: dict[Kind, tuple[str, str, str]] = {
    "TrainingJob": (GROUP, VERSION, PLURAL),
    "Job": ("batch", "v1", "jobs"),
    "Pod": ("", "v1", "pods"),
}


async def watch(store: Store, queue: Queue[Key], namespaces: tuple[str, ...], *, relisted: Callable[[], None]) -> None:
    """Watches until it is cancelled.

    Kopf has a thread and an event loop of its own: it takes all tasks of its loop for its own and ends them with it,
    and the signals of the main thread, too.

    Args:
        store: Takes what is told.
        queue: Learns the keys of what has changed.
        namespaces: Namespaces to watch; none stands for all.
        relisted: Is called when objects are listed instead of watched: what is gone meanwhile is not told.

    Raises:
        Exception: Whatever ends a watch for good.
    """
    loop = asyncio.get_running_loop()
    registry = _registry(partial(loop.call_soon_threadsafe, partial(_take, store, queue, relisted)))
    begun: Future[Callable[[], Any]] = Future()
    ended = asyncio.ensure_future(asyncio.to_thread(_run, registry, namespaces, begun))
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        end = await asyncio.wrap_future(begun)
        end()
        await asyncio.wait({ended})
        raise


def _run(registry: kopf.OperatorRegistry, namespaces: tuple[str, ...], begun: "Future[Callable[[], Any]]") -> None:
    """Runs kopf; what it gives to `begun` ends it."""
    for quiet, level in _QUIET.items():
        logging.getLogger(quiet).setLevel(level)

    async def operator() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio.run has made it
        loop.set_exception_handler(_leave_behind)
        begun.set_result(partial(loop.call_soon_threadsafe, task.cancel))
        try:
            tasks = await kopf.spawn_tasks(
                registry=registry,
                settings=_settings(),
                standalone=True,
                clusterwide=not namespaces,
                namespaces=namespaces,
            )
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            await _end_all_but(task)

    with suppress(asyncio.CancelledError):
        asyncio.run(operator())


async def _end_all_but(mine: "asyncio.Task[Any]") -> None:
    """Ends the tasks of this loop. Kopf's own way (run_tasks) waits for ever for a watch that passes over its end."""
    for _ in range(END_TRIES):
        others = asyncio.all_tasks() - {mine}
        if not others:
            return
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=END_SECONDS)


_QUIET = {
    "kopf.objects": logging.WARNING,  # below that, it tells of every event that was handled
    "kopf._core.reactor": logging.CRITICAL,  # what ends a watch is raised, and told by whoever catches it
}


def _leave_behind(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Passes over what kopf's tasks and generators say when they are ended in the middle of their work."""
    _log.debug("left behind by kopf: %s", context.get("message"))


class _Backoffs:
    """Seconds to wait before a request is tried again: an API server in trouble is asked for as long as it takes."""

    def __iter__(self) -> Iterator[float]:
        yield from BACKOFFS
        while True:
            yield MAX_BACKOFF


class _NoDiffs(kopf.DiffBaseStorage):
    """Spares kopf from copying each object to find out what has changed since it was handled: nobody asks it."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        """Stores nothing: objects are not ours to annotate."""


def _registry(tell: Callable[[Kind, Mapping[str, Any]], Any]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    for kind, resource in _RESOURCES.items():
        kopf.on.event(*resource, id=kind, registry=registry)(partial(_event, kind, tell))
    return registry


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.scanning.disabled = True
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.connect_timeout = REQUEST_SECONDS / 3
    settings.networking.error_backoffs = _Backoffs()
    settings.watching.chunk_size = 100  # a list of a thousand objects at once would take its memory for good
    settings.queueing.error_delays = (0.2, 1, 5)
    settings.queueing.idle_timeout = 1.0
    settings.process.ultimate_exiting_timeout = None  # else it kills the whole process when its watches have ended
    for kind in ("Job", "Pod"):
        settings.watching.label_selectors[_RESOURCES[kind][2]] = NAME_LABEL
    return settings


async def _login(**arguments: Any) -> kopf.ConnectionInfo | None:
    if "KUBERNETES_SERVICE_HOST" in environ:
        return kopf.login_with_service_account(**arguments)
    return kopf.login_with_kubeconfig(**arguments)


async def _event(
    kind: Kind, tell: Callable[[Kind, Mapping[str, Any]], Any], event: Mapping[str, Any], **_: Any
) -> None:
    tell(kind, event)


def _take(store: Store, queue: Queue[Key], relisted: Callable[[], None], kind: Kind, event: Mapping[str, Any]) -> None:
    if event["type"] is None:
        relisted()
    take = store.remove if event["type"] == "DELETED" else store.put
    if (key := take(kind, event["object"])) is not None:
        queue.add(key)
