"""The asynchronous client of the API server for lists, watches, and requests to pods through its proxy.

Each request has the token of its user. The synchronous client would need a thread for each watch: 150 threads for 50
users with three kinds.
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
"""Maximum buffered bytes of each response, so that hundreds of watches fit into the memory."""
MAX_ERROR = 64 * 1024
"""Maximum bytes of an error response that are read."""
_ERRORS = range(300, 600)
_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""Options of TCP keepalive: a peer that disappears without closing the connection is detected after 25 s. Systems
without these options use their defaults."""


class TooLarge(EpochalError):
    """An answer of the API server exceeds a limit of Studio."""


class Exchange:
    """The response to a request through the API server's proxy: of the pod, or an error of the API server.

    Args:
        response: The response of aiohttp.
        address: Address of the API server, for messages.
    """

    def __init__(self, response: ClientResponse, address: str) -> None:
        self._response = response
        self._address = address
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    @property
    def content_type(self) -> str:
        """The media type of the content, without parameters; "" for compressed content."""
        return "" if self.headers.get("Content-Encoding") else self._response.content_type

    async def read(self, limit: int) -> bytes:
        """Read the content until its end or until `limit` bytes are read, and return the bytes.

        The last chunk is complete, so the result may be longer than the limit.

        Raises:
            EpochalError: If the connection breaks.
        """
        try:
            return await _read(self._response, limit)
        except (ClientError, OSError) as error:
            raise no_connection(self._address, _cause(error)) from error


class ApiServer:
    """An asynchronous client of the API server. Call `start` in a running event loop before other methods.

    Args:
        config: Address and certificate authority of the API server.
    """

    def __init__(self, config: Config) -> None:
        self.address = config.api_server
        self._ca = config.api_ca
        self._session: ClientSession | None = None

    def start(self) -> None:
        """Create the HTTP session. No request is sent yet."""
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
        """Send a GET, and yield the response, whose content is not read yet.

        Args:
            token: The user's token.
            path: The path at the API server.
            query: Parameters of the query.
            action: Description of the request for messages, such as `watch trainingjobs`.
            read_seconds: Maximum seconds between two bytes, after which the connection counts as lost.

        Raises:
            ApiError: If the status is not a success.
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
        """Send a request to a pod through the API server's proxy, and yield the response with any status.

        Redirects are not followed. The caller must limit the time, because a pod may answer slowly.

        Args:
            token: The user's token. The API server does not pass it on to the pod.
            method: The HTTP method.
            path: Path and query at the API server, encoded.
            headers: Headers for the pod, with Content-Length if there is a body.
            body: The chunks of the body.

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
        """Send a GET, and return the content of the response.

        Args:
            token: The user's token.
            path: The path at the API server.
            query: Parameters of the query.
            action: Description of the request for messages, such as `list trainingjobs`.
            limit: Maximum bytes of the content.

        Raises:
            ApiError: If the status is not a success.
            TooLarge: If the content has more than `limit` bytes.
            EpochalError: If the API server does not answer, or the connection breaks.
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
    """Read a response until its end or until `limit` bytes are read, and return the bytes.

    The last chunk is complete, so the result may be longer than the limit.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size >= limit:
            break
    return b"".join(chunks)


def _socket(address: AddrInfoType) -> socket.socket:
    """Return a socket with TCP keepalive, which detects a peer that disappears without closing the connection."""
    family, type_, protocol, *_ = address
    found = socket.socket(family, type_, protocol)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return found


def _cause(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
