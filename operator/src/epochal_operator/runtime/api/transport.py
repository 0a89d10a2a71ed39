"""Requests to the API server, with timeouts and retries.

All requests can be retried. Writes contain a name, a uid or a resourceVersion, so a second attempt is refused or
changes nothing. A caller that repeats its whole work uses a client without retries (`Kube.without_retries`).
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp

from epochal_operator.runtime.api.errors import PageTooLarge, Unavailable, error_of
from epochal_operator.runtime.api.undeclared import is_undeclared

REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 3.0
ATTEMPTS = 3
RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 2.0
THREAD_BYTES = 256 * 1024
"""Size in bytes above which a response is parsed in another thread."""

_JSON = "application/json"
_UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""Requests an uncompressed response: its bytes count for the size limit, and the API server saves CPU time."""


class _Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any] | str | None = None


@dataclass(frozen=True, eq=False)
class Transport:
    """Makes requests to the API server.

    Args:
        client: Connected client of the kubernetes package.
        seconds_left: Returns the seconds that a write may take if it starts now; raises if no write may start, because
            this process no longer leads. None for no such limit.
        attempts: Maximum attempts of a request that fails with Unavailable.
        parse: Parses the JSON of the responses.
        on_attempt: Called after each attempt, with any result.
    """

    client: Any
    seconds_left: Callable[[], float] | None = None
    attempts: int = ATTEMPTS
    parse: Callable[[bytes], Any] = json.loads
    on_attempt: Callable[[], None] = lambda: None

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
        headers = {"Content-Type": content_type} if method != "GET" else {}
        response, _ = await self._retry(_Request(method, path, query or {}, headers, body), None)
        return response

    async def page(self, path: str, query: dict[str, str], max_bytes: int | None) -> tuple[dict[str, Any], int]:
        """Return the JSON of a page of a list, and its size in bytes.

        Raises:
            PageTooLarge: If the page exceeds the maximum size.
            ApiError: If the request fails.
        """
        return await self._retry(_Request("GET", path, query, _UNCOMPRESSED), max_bytes)

    async def stream(self, path: str, query: dict[str, str], seconds: float) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of a watch until the API server ends the watch after the given seconds.

        Raises:
            ApiError: If the watch is refused or interrupted.
        """
        try:
            answer = await self._call(_Request("GET", path, query, {}), seconds + REQUEST_SECONDS)
            async with answer.response as response:
                if response.status != 200:  # noqa: PLR2004
                    raise error_of(response.status, self._parse(await response.read()), response.headers)
                async for line in response.content:
                    yield self.parse(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            message = f"the API server interrupted a watch of {path}: {str(error) or type(error).__name__}"
            raise Unavailable(0, type(error).__name__, message) from error

    async def _retry(self, request: _Request, max_bytes: int | None) -> tuple[dict[str, Any], int]:
        """Make a request, and repeat it after Unavailable; return the JSON of the response and its size in bytes."""
        delay = RETRY_SECONDS
        for remaining in range(self.attempts - 1, -1, -1):
            try:
                return await self._attempt(request, max_bytes)
            except Unavailable as error:
                if not remaining or is_undeclared(error.message):
                    raise
                min_delay = min(error.retry_after, MAX_RETRY_SECONDS)
            finally:
                self.on_attempt()
            await asyncio.sleep(max(min_delay, delay * random.uniform(0.5, 1)))  # noqa: S311 - jitter
            delay = min(2 * delay, MAX_RETRY_SECONDS)
        raise AssertionError("unreachable")

    async def _attempt(self, request: _Request, max_bytes: int | None) -> tuple[dict[str, Any], int]:
        seconds = REQUEST_SECONDS
        if self.seconds_left is not None and request.method != "GET":
            seconds = min(seconds, self.seconds_left())
        body = bytearray()
        try:
            answer = await self._call(request, seconds)
            async with answer.response as response:
                async for chunk in response.content.iter_any():
                    body += chunk
                    if max_bytes is not None and len(body) > max_bytes:
                        message = f"a page of {request.path} has more than {max_bytes} bytes"
                        raise PageTooLarge(response.status, "PageTooLarge", message)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            cause = str(error) or type(error).__name__
            message = f"no response of the API server to {request.method} {request.path}: {cause}"
            raise Unavailable(0, type(error).__name__, message) from error
        text = bytes(body)
        body.clear()  # free its memory before the text is parsed
        if not 200 <= response.status < 300:  # noqa: PLR2004
            raise error_of(response.status, self._parse(text), response.headers)
        # Users who write objects choose their size, and so the time to parse them.
        return self._parse(text) if len(text) <= THREAD_BYTES else await asyncio.to_thread(self._parse, text), len(text)

    async def _call(self, request: _Request, seconds: float) -> Any:
        method, path, query, headers, body = request
        parts = await self.client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": _JSON} | headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        return await self.client.call_api(*parts, _request_timeout=timeout)

    def _parse(self, text: bytes) -> dict[str, Any]:
        try:
            return dict(self.parse(text))
        except (ValueError, TypeError):
            return {"message": text.decode(errors="replace")[:1024]}
