"""Requests to the API server that do not block a thread, each with the token of its user.

They are lists, watches, and requests to pods through its proxy.

The synchronous library needs a thread for each watch. Fifty users with three kinds would need 150 threads.
"""

import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import (
    AddrInfoType,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from epochal.client.failures import no_connection, refused
from epochal.errors import EpochalError
from yarl import URL

from epochal_studio.access import FIELD_MANAGER
from epochal_studio.config import Config

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
READ_BYTES = 32 * 1024
"""Bytes that wait for a watch, so that hundreds of them fit into the memory."""
MAX_ERROR = 64 * 1024
"""Maximum bytes of a refusal that are read."""
_ERRORS = range(300, 600)
_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A peer that is gone without a word is noticed after 25 s, on systems with these options."""


class TooLarge(EpochalError):
    """An answer that is too large."""


class Exchange:
    """The answer to a request through the API server's proxy.

    Args:
        response: The answer of aiohttp.
        address: Address of the API server, for messages.
    """

    def __init__(self, response: ClientResponse, address: str) -> None:
        self._response = response
        self._address = address
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    @property
    def content_type(self) -> str:
        """The media type of the content, without parameters; "" for content that is compressed."""
        return "" if self.headers.get("Content-Encoding") else self._response.content_type

    async def read(self, limit: int) -> bytes:
        """Return the first bytes of the content, at most the limit and the rest of a chunk.

        Raises:
            EpochalError: If the connection breaks.
        """
        try:
            return await _read(self._response, limit)
        except (ClientError, OSError) as error:
            raise no_connection(self._address, _cause(error)) from error


class ApiServer:
    """The API server. Call `start` in a running event loop first.

    Args:
        config: Address and authority of the API server.
    """

    def __init__(self, config: Config) -> None:
        self.address = config.api_server
        self._ca = config.api_ca
        self._session: ClientSession | None = None

    def start(self) -> None:
        """Prepare the connections. It sends no request."""
        context: ssl.SSLContext | bool = True
        if self.address.startswith("https:"):
            context = ssl.create_default_context(cafile=str(self._ca) if self._ca else None)
        # The number of streams bounds that of connections, see hub.py.
        connector = TCPConnector(ssl=context, limit=0, socket_factory=_socket)
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": FIELD_MANAGER, "Accept-Encoding": "identity"},
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            trust_env=False,
            read_bufsize=READ_BYTES,
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def open(
        self, token: str, path: str, query: Mapping[str, str | int], action: str, *, read_seconds: float = READ_SECONDS
    ) -> AsyncIterator[ClientResponse]:
        """Open the answer to a GET.

        Args:
            token: The user's token.
            path: The path of the object.
            query: Parameters of the request.
            action: The request for users, such as `watch trainingjobs`.
            read_seconds: Seconds without a byte after which the connection counts as lost.

        Raises:
            ApiError: If the API server refuses the request.
            EpochalError: If the API server does not answer, or the connection breaks.
        """
        assert self._session is not None  # noqa: S101 - `start` comes first
        try:
            async with self._session.get(
                f"{self.address}{path}",
                params=query,
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=read_seconds),
                allow_redirects=False,
            ) as response:
                if response.status in _ERRORS:
                    raise refused(response.status, await _read(response, MAX_ERROR), action)
                yield response
        except (ClientError, OSError) as error:  # TimeoutError is an OSError
            raise no_connection(self.address, _cause(error)) from error

    @asynccontextmanager
    async def exchange(
        self,
        token: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: AsyncIterable[bytes] | None = None,
    ) -> AsyncIterator[Exchange]:
        """Yield the answer to a request through the API server's proxy, whatever its status. It follows no redirect.

        A pod may send its answer as slowly as it likes, so the caller bounds the time.

        Args:
            token: The user's token. The API server removes it from the request.
            method: The HTTP method.
            path: Path and query, encoded.
            headers: Headers for the pod, with Content-Length if there is a body.
            body: The parts of the body.

        Raises:
            EpochalError: If the API server does not answer.
        """
        assert self._session is not None  # noqa: S101 - `start` comes first
        try:
            response = await self._session.request(
                method,
                URL(f"{self.address}{path}", encoded=True),
                headers={"Accept": "application/json", **headers, "Authorization": f"Bearer {token}"},
                data=body,
                allow_redirects=False,
            )
        except (ClientError, OSError) as error:
            raise no_connection(self.address, _cause(error)) from error
        async with response:
            yield Exchange(response, self.address)

    async def content(self, token: str, path: str, query: Mapping[str, str | int], action: str, *, limit: int) -> bytes:
        """Return the answer to a GET.

        Args:
            token: The user's token.
            path: The path of the object.
            query: Parameters of the request.
            action: The request for users.
            limit: Maximum bytes of the answer.

        Raises:
            ApiError: If the API server refuses the request.
            TooLarge: If the answer is too large.
            EpochalError: If the API server does not answer.
        """
        async with self.open(token, path, query, action) as response:
            content = await _read(response, limit + 1)
        if len(content) > limit:
            raise TooLarge(
                f"cannot {action}: the answer has more than {limit / 2**20:.0f} MiB.",
                "Choose a namespace with fewer or smaller objects.",
            )
        return content


async def _read(response: ClientResponse, limit: int) -> bytes:
    """Return the first bytes of an answer, at most the limit and the rest of a chunk."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size >= limit:
            break
    return b"".join(chunks)


def _socket(address: AddrInfoType) -> socket.socket:
    """Return a socket that notices a peer that is gone without a word, such as after a loss of power."""
    family, type_, protocol, *_ = address
    found = socket.socket(family, type_, protocol)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return found


def _cause(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
