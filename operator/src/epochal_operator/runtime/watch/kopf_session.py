"""kopf's HTTP session, whose responses are bounded: watch lines of limited size, and lists without objects.

kopf lists, then watches from the resourceVersion of its list. The operator makes its own list, in pages of bounded
size; an object that the list lacks was deleted. kopf receives the resourceVersion of that list, and no objects.

kopf ends the watches of all resources if one watch is refused with 410 Gone, or ends with another error than 410. As in
client-go, any of these errors must only repeat the list and the watch of the same resource: see `_WatchLines`.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from http import HTTPStatus
from os import environ
from typing import Any

import aiohttp
import kopf
from aiohttp.connector import Connection

from epochal_operator.runtime.api.bounded_reader import BoundedReader
from epochal_operator.runtime.store import Source

ListSource = Callable[[Source, str | None], Coroutine[Any, Any, str]]
"""Lists a source in a namespace (None for all namespaces) and returns the resourceVersion of the list."""
RELIST_SECONDS = 1.0
"""Seconds between a failed list or watch and the list that follows."""
MAX_LOGGED_BYTES = 500

_ERROR = re.compile(rb'\s*\{\s*"type"\s*:\s*"ERROR"')
_EXPIRED = b'{"type": "ERROR", "object": {"code": 410}}'
"""The watch event after which kopf lists a resource again."""

_log = logging.getLogger(__name__)


class KopfLogin:
    """Supplies kopf with an HTTP session for the API server, whose responses are bounded."""

    def __init__(self, sources: Iterable[Source], list_source: ListSource, reader: BoundedReader) -> None:
        self._response_class = response_class(sources, list_source, reader)
        self._credentials: kopf.ConnectionInfo | None = None
        self._session: kopf.AiohttpSession | None = None

    async def session(self, **arguments: Any) -> kopf.AiohttpSession | None:
        """Return an HTTP session: the previous session if the credentials are unchanged, otherwise a new session.

        kopf asks again after the API server refused its credentials. The same session shows kopf that these are still
        refused.
        """
        in_cluster = "KUBERNETES_SERVICE_HOST" in environ
        login = kopf.login_with_service_account if in_cluster else kopf.login_with_kubeconfig
        credentials = login(**arguments)
        if credentials is None or credentials == self._credentials:
            return self._session
        await self.close()
        self._credentials = credentials
        self._session = kopf.AiohttpSession(
            server=credentials.server,
            aiohttp_session=aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=credentials.as_ssl_context()),
                headers=credentials.as_http_headers(),
                proxy=credentials.proxy_url,
                trust_env=credentials.trust_env,
                response_class=self._response_class,
            ),
            default_namespace=credentials.default_namespace,
            priority=credentials.priority,
            expiration=credentials.expiration,
        )
        return self._session

    async def close(self) -> None:
        """Close the HTTP session of kopf."""
        if self._session is not None:
            await self._session.aiohttp_session.close()


def response_class(
    sources: Iterable[Source], list_source: ListSource, reader: BoundedReader
) -> type[aiohttp.ClientResponse]:
    """Return the class of the responses that kopf reads: bounded watch lines, and lists without objects.

    If kopf reads the list of a source, `list_source` lists the source, and kopf gets only the resourceVersion.
    """

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            await super().start(connection)
            if "watch" in self.url.query and self.status in {HTTPStatus.OK, HTTPStatus.GONE}:
                is_gone, self.status = self.status == HTTPStatus.GONE, HTTPStatus.OK
                self.content = _WatchLines(self.content, reader, self.url.path, is_gone=is_gone)  # type: ignore[assignment]
            return self

        async def json(self, **_: Any) -> Any:
            path = self.url.path.split("/")  # It may start with a prefix of the API server.
            namespace = path[-2] if path[-3:-2] == ["namespaces"] else None
            source = next((item for item in sources if self.url.path.endswith(item.resource.path(namespace))), None)
            if source is None or self.status != 200:  # noqa: PLR2004
                return reader.read(await self.read())
            self.close()  # Skip the objects of the body: a single object may be large.
            return {"metadata": {"resourceVersion": await list_source(source, namespace)}, "items": []}

    return Response


class _WatchLines:
    """The body of a watch response. A BoundedReader shortens its lines before kopf parses them.

    An error becomes the event after which kopf lists the resource again.

    Args:
        content: The body.
        reader: Shortens the lines.
        path: The URL path of the watched resource, for the log.
        is_gone: Whether the API server refused the whole watch with 410 Gone.
    """

    def __init__(self, content: aiohttp.StreamReader, reader: BoundedReader, path: str, *, is_gone: bool) -> None:
        self._content = content
        self._reader = reader
        self._path = path
        self._is_gone = is_gone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield complete lines of the watch, each with its newline. `size` is the chunk size of the reads."""
        if self._is_gone:
            _log.info("listing %s again after its watch was refused (410 Gone)", self._path)
            yield await _expired()
            return
        async for line in self._reader.watch_lines(self._content.iter_chunked(size)):
            if _ERROR.match(line):
                error = line[:MAX_LOGGED_BYTES].decode(errors="replace")
                _log.info("listing %s again after an error of its watch: %s", self._path, error)
                yield await _expired()
                return
            yield line + b"\n"


async def _expired() -> bytes:
    """Return the line after which kopf lists a resource again, after a pause."""
    await asyncio.sleep(RELIST_SECONDS)
    return _EXPIRED + b"\n"
