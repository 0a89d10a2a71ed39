"""The watches: kopf reports each change of the watched objects, and the informer stores it.

The preceding lists go to the store page by page. The handlers change and return nothing, so kopf writes neither
annotations nor finalizers.
neither annotations nor finalizers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from os import environ
from typing import Any

import aiohttp
import kopf
from epochal_api.kind import GROUP

from epochal_operator.runtime.answers import answers
from epochal_operator.runtime.errors import ApiError
from epochal_operator.runtime.informer import Informer
from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.listing import list_source
from epochal_operator.runtime.reader import Reader, unfolded
from epochal_operator.runtime.resource import Resource
from epochal_operator.runtime.store import Source

REQUEST_SECONDS = 10.0
BACKOFFS = (0.2, 0.5, 1.0, 2.0)
MAX_BACKOFF = 5.0
RELIST_SECONDS = 1.0
"""Pause in seconds before a failed list is repeated."""
END_TRIES, END_SECONDS = 25, 0.2

Tell = Callable[[Source, Mapping[str, Any]], Any]
List = Callable[[Source, str | None], Awaitable[str]]

_log = logging.getLogger(__name__)


async def watch(kube: Kube, informer: Informer, namespaces: tuple[str, ...], reader: Reader) -> None:
    """Watch the informer's sources until cancelled.

    Kopf runs in its own thread and event loop. It ends all tasks of its loop when it stops, and it handles the signals
    of the main thread.

    Args:
        kube: Client of the API server, for the lists.
        informer: Receives the objects of its sources.
        namespaces: Namespaces to watch; empty for all namespaces.
        reader: Parses the responses.

    Raises:
        Exception: If a watch fails permanently.
    """
    loop = asyncio.get_running_loop()
    told = partial(loop.call_soon_threadsafe, partial(_take, informer))

    async def listed(source: Source, namespace: str | None) -> str:
        """List a source in the operator's event loop on behalf of kopf; return the resourceVersion of the list."""
        listing = asyncio.run_coroutine_threadsafe(list_source(kube, informer, source, namespace), loop)
        try:
            return await asyncio.wrap_future(listing)
        except ApiError as error:
            _log.warning("%ss cannot be listed: %s", source.resource.kind, error)
            await asyncio.sleep(RELIST_SECONDS)
            raise aiohttp.ClientPayloadError("the list failed") from error  # Kopf lists again.

    begun: Future[Callable[[], Any]] = Future()
    run = partial(_run, told, listed, informer.sources, namespaces, reader=reader, begun=begun)
    ended = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        end = await asyncio.wrap_future(begun)
        end()
        await asyncio.wait({ended})
        raise


def _run(
    tell: Tell,
    listed: List,
    sources: Iterable[Source],
    namespaces: tuple[str, ...],
    *,
    reader: Reader,
    begun: "Future[Callable[[], Any]]",
) -> None:
    """Run kopf; set the result of `begun` to a function that stops kopf."""
    for quiet, level in _QUIET.items():
        logging.getLogger(quiet).setLevel(level)

    async def operators() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio.run created it
        loop.set_exception_handler(_leave_behind)
        begun.set_result(partial(loop.call_soon_threadsafe, task.cancel))
        logins, tasks = list[_Login](), list[asyncio.Task[Any]]()
        try:
            for group in groups(sources):
                of_group = partial(_list, listed, {source.resource: source for source in group})
                logins.append(_Login(answers(of_group, [source.resource for source in group], reader)))
                tasks += await kopf.spawn_tasks(
                    registry=_registry(group, tell, logins[-1].session),
                    settings=_settings(group),
                    standalone=True,
                    clusterwide=not namespaces,
                    namespaces=namespaces,
                )
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            await _end_all_but(task)
            for login in logins:
                await login.close()

    with suppress(asyncio.CancelledError):
        asyncio.run(operators())


def groups(sources: Iterable[Source]) -> list[list[Source]]:
    """Return the sources in groups with unique resources: kopf combines several selectors of one resource."""
    found: list[list[Source]] = []
    for source in sources:
        fits = (group for group in found if all(one.resource != source.resource for one in group))
        if (group := next(fits, None)) is None:
            found.append(group := [])
        group.append(source)
    return found


async def _list(listed: List, sources: Mapping[Resource, Source], resource: Resource, namespace: str | None) -> str:
    return await listed(sources[resource], namespace)


async def _end_all_but(mine: "asyncio.Task[Any]") -> None:
    """Cancel all other tasks of this loop. Kopf's run_tasks waits forever for a watch that misses its cancellation."""
    for _ in range(END_TRIES):
        others = asyncio.all_tasks() - {mine}
        if not others:
            return
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=END_SECONDS)


_QUIET = {
    "kopf.objects": logging.WARNING,  # at INFO, kopf logs each handled event
    "kopf._core.reactor": logging.CRITICAL,  # the error that ends a watch is raised, and the caller logs it
}


def _leave_behind(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Log errors of kopf's tasks and generators at DEBUG: they occur when kopf is cancelled during its work."""
    _log.debug("left behind by kopf: %s", context.get("message"))


class _Backoffs:
    """Seconds before the retries of a request. They never end: kopf retries for as long as the API server fails."""

    def __iter__(self) -> Iterator[float]:
        yield from BACKOFFS
        while True:
            yield MAX_BACKOFF


class _NoDiffs(kopf.DiffBaseStorage):
    """Disables kopf's copies of objects for diffs, which no handler uses."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        """Store nothing: the operator must not annotate the objects of users."""


def _registry(sources: Iterable[Source], tell: Tell, login: Callable[..., Any]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(id="login", registry=registry)(login)
    for source in sources:
        handle = partial(_event, source, tell)
        kopf.on.event(*_selector(source.resource), id=source.resource.kind, registry=registry)(handle)
    return registry


def _settings(sources: Iterable[Source]) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.persistence.finalizer = f"{GROUP}/none"  # unique, because kopf removes its finalizer from all objects
    settings.scanning.disabled = True
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.connect_timeout = REQUEST_SECONDS / 3
    settings.networking.error_backoffs = _Backoffs()
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


class _Login:
    """Provides kopf's API session, with the operator's response class.

    Args:
        answer: The response class.
    """

    def __init__(self, answer: type[aiohttp.ClientResponse]) -> None:
        self._answer = answer
        self._found: kopf.ConnectionInfo | None = None
        self._session: kopf.AiohttpSession | None = None

    async def session(self, **arguments: Any) -> kopf.AiohttpSession | None:
        """Return a session; the same one for unchanged credentials, from which kopf detects that they were refused."""
        in_cluster = "KUBERNETES_SERVICE_HOST" in environ
        login = kopf.login_with_service_account if in_cluster else kopf.login_with_kubeconfig
        found = login(**arguments)
        if found is None or found == self._found:
            return self._session
        await self.close()
        self._found = found
        self._session = kopf.AiohttpSession(
            server=found.server,
            aiohttp_session=aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=found.as_ssl_context()),
                headers=found.as_http_headers(),
                proxy=found.proxy_url,
                trust_env=found.trust_env,
                response_class=self._answer,
            ),
            default_namespace=found.default_namespace,
            priority=found.priority,
            expiration=found.expiration,
        )
        return self._session

    async def close(self) -> None:
        """Close the HTTP session of kopf."""
        if self._session is not None:
            await self._session.aiohttp_session.close()


async def _event(source: Source, tell: Tell, /, event: Mapping[str, Any], **_: Any) -> None:
    tell(source, event)


def _take(informer: Informer, source: Source, event: Mapping[str, Any]) -> None:
    thing = unfolded(event["object"])
    if event["type"] == "DELETED":
        informer.remove(source, thing)
    else:
        informer.put(source.resource, thing)
