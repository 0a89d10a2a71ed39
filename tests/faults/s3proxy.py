"""A proxy between a job and MinIO, in the cluster's network, that injects faults on request."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from enum import Enum
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self, cast

from tests.kit import buckets
from tests.kit.process import ADDRESS

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Mode(Enum):
    """Behaviour of the proxy."""

    WELL = "hands every request on"
    CUT = "cuts every connection"
    SILENT = "takes requests and never answers"
    HALF = "cuts every answer in the middle"
    SLOW = "takes a second for each request"
    UNAVAILABLE = "answers 503"
    FULL = "answers 507 to whatever writes"


_ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>{}</Message></Error>'
_ANSWERS = {
    Mode.UNAVAILABLE: (503, _ERROR.format("ServiceUnavailable", "Please reduce your request rate")),
    # The answer of a MinIO with full drives.
    Mode.FULL: (
        507,
        _ERROR.format("XMinioStorageFull", "Storage backend has reached its minimum free drive threshold"),
    ),
}
RequestFilter = Callable[[str, str], bool]
"""Returns whether a request, by its method and path, starts the fault."""


class Proxy:
    """The service; use it as a context manager."""

    def __init__(self) -> None:
        self.mode = Mode.WELL
        self.requests = 0
        self._asked: RequestFilter | None = None
        self._seen = threading.Event()
        self._mode_when_seen = Mode.WELL
        self._server = ThreadingHTTPServer(("", 0), _Handler)
        self._server.daemon_threads = True
        self._server.proxy = self  # type: ignore[attr-defined]
        self.url = f"http://{ADDRESS}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mode = Mode.CUT
        self._server.shutdown()
        self._server.server_close()

    def misbehave(
        self, mode: Mode, *, seconds: float, asked: RequestFilter = lambda *_: True, patience: float = 120
    ) -> tuple[float, float]:
        """Misbehaves for some seconds, from a certain request on.

        Args:
            seconds: How long.
            asked: The request that it begins with.
            patience: How long to wait for that request, in seconds.

        Returns:
            When it began and when it ended, in seconds since 1970.

        Raises:
            TimeoutError: If the request did not come.
        """
        self._seen.clear()
        self._mode_when_seen, self._asked = mode, asked
        try:
            if not self._seen.wait(patience):
                raise TimeoutError(f"no such request came within {patience} s")
            began = time.time()
            time.sleep(seconds)
            return began, time.time()
        finally:
            self._asked = None
            self.mode = Mode.WELL

    def mode_for(self, method: str, path: str) -> Mode:
        self.requests += 1
        if self._asked and self._asked(method, path):
            self._asked = None
            self.mode = self._mode_when_seen
            self._seen.set()
        return self.mode


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        proxy = cast("Proxy", self.server.proxy)  # type: ignore[attr-defined]
        mode = proxy.mode_for(self.command, self.path)
        if mode is Mode.SILENT:
            while proxy.mode is Mode.SILENT:
                time.sleep(0.1)
        if mode in (Mode.CUT, Mode.SILENT):
            self._cut()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        writes = self.command in ("PUT", "POST")
        if mode is Mode.UNAVAILABLE or (mode is Mode.FULL and writes):
            status, text = _ANSWERS[mode]
            self._answer(status, [("Content-Type", "application/xml")], text.encode())
            return
        if mode is Mode.SLOW:
            time.sleep(1)
        try:
            self._hand_on(body, half=mode is Mode.HALF)
        except (OSError, HTTPException):
            self._cut()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - the base class calls them so

    def _hand_on(self, body: bytes, *, half: bool) -> None:
        upstream = HTTPConnection(buckets.HOST, timeout=30)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
        if half:
            self._answer(answer.status, headers, content, sent=len(content) // 2)
            self._cut()
        else:
            self._answer(answer.status, headers, content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, sent: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:sent])

    def _cut(self) -> None:
        """Ends the connection as a machine that dies would: with a reset, not with a farewell."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
