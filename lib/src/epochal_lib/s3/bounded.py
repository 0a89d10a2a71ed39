"""HTTP connections to an S3 service that may be hostile: they limit its answers, and follow no redirects."""

import io
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

HEADER_SECONDS = 60.0
"""Maximum seconds until the headers of an answer are complete. Then the connection ends with an error."""
_PART = 2**16
_MAX_ERROR = 64 * 1024
"""Maximum bytes of the body of an error, which the client reads into memory."""
_SUCCESS = frozenset({200, 204, 206})


class AnswerTooLarge(HTTPError):
    """The service sent an answer with too many bytes, or too many answers. As an HTTPError, `explain` reports it."""


@dataclass(frozen=True)
class AnswerLimits:
    """The limits of the answers of an S3 service.

    Args:
        size: Maximum bytes of an answer that the client parses, such as a list of keys.
        seconds: Maximum seconds until such an answer is complete.
        requests: Maximum number of such answers for one BoundedPool: a hostile service may report more pages forever.
    """

    size: int
    seconds: float
    requests: int = 200


class _HeaderDeadline:
    """Ends a connection if the headers take too long. The timeouts of a socket limit only the wait for a byte."""

    sock: socket.socket

    def getresponse(self) -> Any:
        """Return the answer once its headers have arrived. After HEADER_SECONDS, end the connection with an error."""
        is_late = threading.Event()
        timer = threading.Timer(HEADER_SECONDS, _hang_up, [self.sock, is_late])
        timer.daemon = True
        timer.start()
        try:
            answer = super().getresponse()  # type: ignore[misc]
        finally:
            timer.cancel()
        if is_late.is_set():  # the broken connection looks like the end of the headers
            answer.close()
            raise TimeoutError
        return answer


class _Connection(_HeaderDeadline, HTTPConnection):
    pass


class _TlsConnection(_HeaderDeadline, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class BoundedPool(PoolManager):
    """Connections with bounded answers. They follow no redirect, and use no proxy of the environment.

    The content of an object is streamed: the reader of the stream must limit it.

    Args:
        limits: The limits of answers.
        options: Options of a PoolManager.
    """

    def __init__(self, limits: AnswerLimits, **options: Any) -> None:
        super().__init__(**options)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        self._limits = limits
        self._requests = 0

    def urlopen(  # type: ignore[override]  # urllib3 overrides its own signature
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: FBT001, FBT002 - the signature of urllib3
        **options: Any,
    ) -> BaseHTTPResponse:
        """Send a request, and return its answer. Apply the limits to errors, and to answers with preload_content."""
        del redirect  # none is followed
        preload_content = options.pop("preload_content", True)
        self._requests += preload_content
        if self._requests > self._limits.requests:
            raise AnswerTooLarge(f"it has sent {self._limits.requests} answers, and reports still more pages")
        if isinstance(body := options.get("body"), bytes | bytearray) and len(body) > _PART:
            # One call of the socket must send all its bytes within CONNECT_SECONDS, also to a slow service.
            whole = memoryview(body)
            options["body"] = [whole[start : start + _PART] for start in range(0, len(whole), _PART)]
        answer = super().urlopen(method, url, redirect=False, preload_content=False, **options)
        if not preload_content and answer.status in _SUCCESS:
            return answer
        limit = self._limits.size if answer.status in _SUCCESS else min(_MAX_ERROR, self._limits.size)
        try:
            content = self._read(answer, limit, url)
        except BaseException:
            answer.close()  # no other request can use its connection
            raise
        finally:
            answer.release_conn()
        return HTTPResponse(
            io.BytesIO(content),
            headers={name: value for name, value in answer.headers.items() if name.lower() != "transfer-encoding"},
            status=answer.status,
            reason=answer.reason,
            preload_content=True,
            decode_content=False,
            request_method=method,
        )

    def _read(self, answer: BaseHTTPResponse, limit: int, url: str) -> bytes:
        """Return the content of an answer of at most `limit` bytes.

        Raises:
            HTTPError: If the content has more bytes, or is not complete in time.
        """
        end = time.monotonic() + self._limits.seconds
        parts: list[bytes] = []
        size = 0
        while part := answer.read1(_PART, decode_content=False):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise AnswerTooLarge(f"its answer has more than {limit // 1024} KiB")
            if time.monotonic() > end:
                host = urlsplit(url).netloc
                raise ReadTimeoutError(None, host, "no complete answer in time")  # type: ignore[arg-type]
        return b"".join(parts)


def _hang_up(connection: socket.socket, is_late: threading.Event) -> None:
    """End a connection and set `is_late`, also while another thread waits for a byte of the connection."""
    is_late.set()
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # a TLS socket would close its session first
