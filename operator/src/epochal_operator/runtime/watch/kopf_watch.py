"""kopf: its settings and handlers.

kopf watches each source of the informer: the objects of a resource, or those with a label. One handler for each source
gives every object to `Informer.put` or `Informer.remove`. The informer stores the object and adds keys to the queues of
the affected kinds: see `Kind.keys_for` (the object itself and its owner) and `Kind.watches` (other objects).
For example, a Job with the label of a TrainingJob feeds the queue of TrainingJobs with the name in its label. The
handlers change and return nothing, so kopf writes neither annotations nor finalizers.

Events about refused pods have a watch of their own, `Kube.watch`: it selects them by fields, and stores no objects.

kopf has a thread and an event loop of its own. In the main thread, it would replace the handlers of signals.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

import aiohttp
import kopf
from epochal_api.kind import GROUP

from epochal_operator.runtime.api.bounded_reader import BoundedReader, parse_raw_json
from epochal_operator.runtime.api.errors import ApiError
from epochal_operator.runtime.api.resource import Resource
from epochal_operator.runtime.informer import Informer
from epochal_operator.runtime.store import Source
from epochal_operator.runtime.watch.kopf_session import RELIST_SECONDS, KopfLogin, ListSource

REQUEST_SECONDS = 10.0
CANCEL_ATTEMPTS, CANCEL_SECONDS = 25, 0.2

_log = logging.getLogger(__name__)


async def watch(
    informer: Informer, list_source: ListSource, namespaces: tuple[str, ...], reader: BoundedReader
) -> None:
    """Watch the informer's sources in these namespaces until cancelled; an empty tuple means all namespaces.

    Raises:
        Exception: If a watch fails permanently.
    """
    loop = asyncio.get_running_loop()

    async def list_in_operator(source: Source, namespace: str | None) -> str:
        """List a source in the operator's event loop on behalf of kopf."""
        listing = asyncio.run_coroutine_threadsafe(list_source(source, namespace), loop)
        try:
            return await asyncio.wrap_future(listing)
        except ApiError as error:
            _log.warning("cannot list %ss: %s", source.resource.kind, error)
            await asyncio.sleep(RELIST_SECONDS)
            raise aiohttp.ClientPayloadError("the list failed") from error  # kopf lists again

    async def handle(source: Source, /, event: Mapping[str, Any], **_: Any) -> None:
        loop.call_soon_threadsafe(_store, informer, source, event)

    stop: Future[None] = Future()
    run = _run_kopf(informer.sources, handle, list_in_operator, namespaces, reader, stop)
    running = asyncio.ensure_future(asyncio.to_thread(asyncio.run, run))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.cancel()
        await asyncio.wait({running})
        raise


def _store(informer: Informer, source: Source, event: Mapping[str, Any]) -> None:
    obj = parse_raw_json(event["object"])
    if event["type"] == "DELETED":
        informer.remove(source, obj)
    else:
        informer.put(source.resource, obj)


async def _run_kopf(  # noqa: PLR0917
    sources: Iterable[Source],
    handle: Callable[..., Awaitable[None]],
    list_source: ListSource,
    namespaces: tuple[str, ...],
    reader: BoundedReader,
    stop: "Future[None]",
) -> None:
    """Run kopf in this event loop until one of its tasks ends, or until `stop` is cancelled."""
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # at INFO, kopf logs each handled event
    logging.getLogger("kopf._core.reactor").setLevel(logging.CRITICAL)  # the caller logs the error that ends a watch
    asyncio.get_running_loop().set_exception_handler(_log_quietly)
    logins, tasks = list[KopfLogin](), list[asyncio.Task[Any]]()
    try:
        for group in _groups(sources):
            logins.append(KopfLogin(group, list_source, reader))
            registry = kopf.OperatorRegistry()
            kopf.on.login(id="login", registry=registry)(logins[-1].session)
            for source in group:
                on_event = kopf.on.event(*_selector(source.resource), id=source.resource.kind, registry=registry)
                on_event(partial(handle, source))
            tasks += await kopf.spawn_tasks(
                registry=registry,
                settings=_settings(group),
                standalone=True,
                clusterwide=not namespaces,
                namespaces=namespaces,
            )
        stopped = asyncio.wrap_future(stop)
        done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            task.result()
    finally:
        await _cancel(tasks)
        for login in logins:
            await login.close()


def _log_quietly(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Log errors of kopf's callbacks and unawaited tasks at DEBUG, because each cancelled watch of kopf causes some."""
    _log.debug("kopf: %s", context.get("message"))


def _groups(sources: Iterable[Source]) -> list[list[Source]]:
    """Return the sources in groups, each for its own kopf, so that no group has two sources of the same resource.

    kopf would combine the label selectors of both sources.
    """
    groups: list[list[Source]] = []
    for source in sources:
        fitting = (group for group in groups if all(other.resource != source.resource for other in group))
        if (group := next(fitting, None)) is None:
            groups.append(group := [])
        group.append(source)
    return groups


async def _cancel(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel kopf's tasks, then all other tasks of this event loop, up to CANCEL_ATTEMPTS times until they have ended.

    A watch may miss its cancellation.
    """
    remaining = set(tasks)
    for _ in range(CANCEL_ATTEMPTS):
        for task in remaining:
            task.cancel()
        if remaining:
            await asyncio.wait(remaining, timeout=CANCEL_SECONDS)
        if not (remaining := asyncio.all_tasks() - {asyncio.current_task()}):
            return


class _NoDiffs(kopf.DiffBaseStorage):
    """Disables kopf's copies of objects for diffs, and its annotation, in which a user may write invalid JSON."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        """Store nothing: the operator must not annotate the objects of users."""


def _settings(sources: Iterable[Source]) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.persistence.finalizer = f"{GROUP}/none"  # unique, because kopf removes its finalizer from all objects
    settings.scanning.disabled = True
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.connect_timeout = REQUEST_SECONDS / 3
    settings.networking.error_backoffs = (0.2, 0.5, 1, 2, *[5] * 10_000)  # then all watches end, and start again
    settings.watching.chunk_size = 1  # The objects of kopf's own list are dropped.
    settings.queueing.error_delays = (0.2, 1, 5)
    settings.queueing.idle_timeout = 1.0
    settings.process.ultimate_exiting_timeout = None  # by default, kopf kills the whole process after its watches end
    for source in sources:
        if source.label is not None:
            settings.watching.label_selectors[_selector(source.resource)] = source.label
    return settings


def _selector(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.plural
