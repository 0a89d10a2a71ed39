"""Requests to the API server, with timeouts. Only this module decides on retries.

All requests can be retried. Writes contain a name, a uid or a resourceVersion, so a second attempt is refused or
changes nothing. A caller that retries by itself uses a client with one attempt (`once`).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from os import environ
from typing import Any, Self

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.rest import RESTResponse

from epochal_operator.runtime.errors import PageTooLarge, Unavailable, error_of
from epochal_operator.runtime.reader import Bounds, Reader
from epochal_operator.runtime.undeclared import is_undeclared

REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 3.0
TRIES = 3
RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 2.0
LONG_BYTES = 256 * 1024
"""Minimum size in bytes of a response that is parsed in another thread."""

_JSON = "application/json"
_UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""Without compression, the limit counts exactly the transferred bytes, and the API server saves CPU time."""


class Transport:
    """Makes requests to the API server.

    Args:
        client: Connected client of the kubernetes package.
        seconds_left: Returns the seconds that a write may take if it starts now; raises if no write may start.
        tries: Maximum attempts of a request that gets no response or an overload error.
        reader: Parses the responses; None for a reader with default bounds.
        ended: Called after each attempt, with any result.
    """

    def __init__(
        self,
        client: Any,
        seconds_left: Callable[[], float] | None = None,
        tries: int = TRIES,
        reader: Reader | None = None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._seconds_left = seconds_left
        self._tries = tries
        self._reader = reader or Reader(Bounds())
        self._ended = ended

    def fenced(self, seconds_left: Callable[[], float]) -> "Transport":
        """Return a copy of the transport with a time limit for writes (`seconds_left`)."""
        return Transport(self._client, seconds_left, self._tries, self._reader, self._ended)

    def once(self) -> "Transport":
        """Return a copy of the transport that makes each request once."""
        return Transport(self._client, self._seconds_left, 1, self._reader, self._ended)

    def reading(self, reader: Reader) -> "Transport":
        """Return a copy of the transport that parses responses with another reader."""
        return Transport(self._client, self._seconds_left, self._tries, reader, self._ended)

    def observed(self, ended: Callable[[], None]) -> "Transport":
        """Return a copy of the transport that calls a function after each attempt of a request."""
        return Transport(self._client, self._seconds_left, self._tries, self._reader, ended)

    @classmethod
    async def connect(cls) -> Self:
        """Connect with the pod's service account, or outside a cluster with KUBECONFIG (or ~/.kube/config)."""
        configuration = Configuration()
        if "KUBERNETES_SERVICE_HOST" in environ:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(client_configuration=configuration, persist_config=False)
        return cls(ApiClient(configuration))

    async def close(self) -> None:
        """Close all connections to the API server."""
        await self._client.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | str | None = None,
        content_type: str = _JSON,
    ) -> dict[str, Any]:
        """Make a request and return the JSON of the response.

        Raises:
            ApiError: If the request fails.
        """
        answer, _ = await self._request(method, path, query or {}, body, content_type)
        return answer

    async def page(self, path: str, query: dict[str, str], max_bytes: int | None) -> tuple[dict[str, Any], int]:
        """Return the JSON of a page of a list, and its size in bytes.

        Args:
            path: URL path of the list.
            query: Query parameters.
            max_bytes: Maximum size of the page; None for any size.

        Raises:
            PageTooLarge: If the page exceeds the maximum size.
            ApiError: If the request fails.
        """
        return await self._request("GET", path, query, max_bytes=max_bytes, headers=_UNCOMPRESSED)

    async def _request(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: dict[str, Any] | str | None = None,
        content_type: str = _JSON,
        **reading: Any,
    ) -> tuple[dict[str, Any], int]:
        delay = RETRY_SECONDS
        for left in range(self._tries - 1, -1, -1):
            try:
                return await self._try(method, path, query, body, content_type, **reading)
            except Unavailable as error:
                if not left or is_undeclared(error.message):
                    raise
                least = min(error.retry_after, MAX_RETRY_SECONDS)
            finally:
                self._ended()
            await asyncio.sleep(max(least, delay * random.uniform(0.5, 1)))  # noqa: S311 - jitter
            delay = min(2 * delay, MAX_RETRY_SECONDS)
        raise AssertionError("unreachable")

    async def stream(self, path: str, query: dict[str, str], seconds: float) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of a watch until the API server ends the watch after the given seconds.

        Raises:
            ApiError: If the watch is refused or interrupted.
        """
        timeout = aiohttp.ClientTimeout(total=seconds + REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        request = await self._serialized("GET", path, query, None, _JSON)
        try:
            answer = await self._client.call_api(*request, _request_timeout=timeout)
            async with answer.response as response:
                if response.status != 200:  # noqa: PLR2004
                    raise error_of(response.status, self._read(await response.read()), response.headers)
                async for line in response.content:
                    yield self._reader.read(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            message = f"the API server broke off a watch of {path}: {error or type(error).__name__}"
            raise Unavailable(0, type(error).__name__, message) from error

    async def _try(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: dict[str, Any] | str | None,
        content_type: str,
        *,
        max_bytes: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[dict[str, Any], int]:
        request = await self._serialized(method, path, query, body, content_type, headers)
        seconds = REQUEST_SECONDS
        if self._seconds_left is not None and method != "GET":
            seconds = min(seconds, self._seconds_left())
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        try:
            response = await self._client.call_api(*request, _request_timeout=timeout)
            text = await _body(response, path, max_bytes)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            message = f"the API server gave no answer to {method} {path}: {error or type(error).__name__}"
            raise Unavailable(0, type(error).__name__, message) from error
        if 200 <= response.status < 300:  # noqa: PLR2004
            # Users who write objects choose their size, and so the time to parse them.
            answer = self._read(text) if len(text) <= LONG_BYTES else await asyncio.to_thread(self._read, text)
            return answer, len(text)
        raise error_of(response.status, self._read(text), response.headers)

    async def _serialized(  # noqa: PLR0917 - the parts of a request
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: dict[str, Any] | str | None,
        content_type: str,
        headers: dict[str, str] | None = None,
    ) -> Any:
        return await self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": _JSON}
            | (headers or {})
            | ({"Content-Type": content_type} if method != "GET" else {}),
            body=body,
            auth_settings=["BearerToken"],
        )

    def _read(self, text: bytes) -> dict[str, Any]:
        try:
            return dict(self._reader.read(text))
        except (ValueError, TypeError):
            return {"message": text.decode(errors="replace")[:1024]}


async def _body(response: RESTResponse, path: str, max_bytes: int | None) -> bytes:
    """Return the body of a response; raise PageTooLarge and close the connection beyond `max_bytes`."""
    if max_bytes is None:
        return bytes(await response.read())
    body = bytearray()
    async for chunk in response.response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            response.response.close()
            raise PageTooLarge(response.status, "PageTooLarge", f"a page of {path} has more than {max_bytes} bytes")
    return bytes(body)
