"""The watches: kopf tells of every change of the objects that any kind has to do with, and the store takes it.

The lists before go to the store a page at a time. No handler changes anything or returns anything, so kopf writes
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
"""Pause before a list that failed begins again."""
END_TRIES, END_SECONDS = 25, 0.2

Tell = Callable[[Source, Mapping[str, Any]], Any]
List = Callable[[Source, str | None], Awaitable[str]]

_log = logging.getLogger(__name__)


async def watch(kube: Kube, informer: Informer, namespaces: tuple[str, ...], reader: Reader) -> None:
    """Watches until it is cancelled.

    Kopf has a thread and an event loop of its own: it takes all tasks of its loop for its own and ends them with it,
    and the signals of the main thread, too.

    Args:
        kube: The API server, by which the objects are listed.
        informer: Takes what is told, of its sources.
        namespaces: Namespaces to watch; none stands for all.
        reader: Reads what the API server says.

    Raises:
        Exception: Whatever ends a watch for good.
    """
    loop = asyncio.get_running_loop()
    told = partial(loop.call_soon_threadsafe, partial(_take, informer))

    async def listed(source: Source, namespace: str | None) -> str:
        """Lists in this event loop, for a watch of kopf's, and returns the version of the list."""
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
    """Runs kopf; what it gives to `begun` ends it."""
    for quiet, level in _QUIET.items():
        logging.getLogger(quiet).setLevel(level)

    async def operators() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio.run has made it
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
    """Returns sources in groups that have each resource once: kopf takes several selectors of one as all at once."""
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
    settings.persistence.finalizer = f"{GROUP}/none"  # kopf takes its own off whatever it sees, and so that of others
    settings.scanning.disabled = True
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.connect_timeout = REQUEST_SECONDS / 3
    settings.networking.error_backoffs = _Backoffs()
    settings.watching.chunk_size = 1  # The objects of kopf's own list are dropped.
    settings.queueing.error_delays = (0.2, 1, 5)
    settings.queueing.idle_timeout = 1.0
    settings.process.ultimate_exiting_timeout = None  # else it kills the whole process when its watches have ended
    for source in sources:
        if source.label is not None:
            settings.watching.label_selectors[_selector(source.resource)] = source.label
    return settings


def _selector(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.plural


class _Login:
    """Gives kopf the session that it would make itself, but for the answers.

    Args:
        answer: Class of the answers.
    """

    def __init__(self, answer: type[aiohttp.ClientResponse]) -> None:
        self._answer = answer
        self._found: kopf.ConnectionInfo | None = None
        self._session: kopf.AiohttpSession | None = None

    async def session(self, **arguments: Any) -> kopf.AiohttpSession | None:
        """Returns a session; the same one for the same credentials, by which kopf knows that they were refused."""
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
        """Closes the session."""
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
