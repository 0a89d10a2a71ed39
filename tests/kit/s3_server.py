"""A small S3 service on the loopback, in memory, with faults that a test injects."""

import hashlib
import re
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.kit.ports import LOOPBACK, hold, port_of

NO_KEY = (404, "NoSuchKey", "The specified key does not exist.")


@dataclass(frozen=True)
class Asked:
    method: str
    key: str
    query: dict[str, str]
    number: int
    """Number of requests before it."""


Fault = Callable[[Asked, "Handler"], bool]
"""Handles a request before the service does, and returns whether it has answered."""


class Service:
    """An S3 service with one bucket, `bucket`; ListBuckets also returns `buckets`."""

    def __init__(self) -> None:
        self.buckets = ["bucket"]
        """What a list of the buckets says."""
        self.objects: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.etag: Callable[[str], str] = str
        """Makes the ETag that is shown out of the one that a plain service has."""
        self.encoding: str | None = None
        """The Content-Encoding that objects were stored with."""
        self.damage: Callable[[bytes], bytes] = bytes
        """What becomes of a content on its way to the disk."""
        self.lock = threading.Lock()
        holding = hold()  # reserves the port while the service is stopped
        weakref.finalize(self, holding.close)
        self.port = port_of(holding)
        self.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, key: str, content: bytes) -> None:
        """Stores an object without a request."""
        self.objects[key] = content
        self.etags[key] = hashlib.md5(content, usedforsecurity=False).hexdigest()

    def stop(self) -> None:
        """Stops the service like a kill: every connection breaks, and parts of uploads are lost."""
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()
        self.uploads.clear()

    def start(self) -> None:
        """Starts the service, at the same address each time."""
        self._server = Server((LOOPBACK, self.port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def restart(self, seconds: float) -> None:
        """Stops the service, and starts it some seconds later."""

        def again() -> None:
            self.stop()
            time.sleep(seconds)
            self.start()

        self._restarting = threading.Thread(target=again)
        self._restarting.start()


class Server(ThreadingHTTPServer):
    """Keeps its connections, to break them."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        self.connections: list[socket] = []
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_: object) -> None:
        pass

    def hang_up(self) -> None:
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def answer(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
        name, _, key = unquote(address.path).lstrip("/").partition("/")
        service = self.server.service
        with service.lock:
            asked = Asked(self.command, key, query, len(service.asked))
            service.asked.append(asked)
        self._left = int(self.headers.get("Content-Length") or 0)
        if any(fault(asked, self) for fault in list(service.faults)):
            return
        body = self.body()
        if not name:
            self._list_buckets()
            return
        with service.lock:
            getattr(self, f"_{self.command.lower()}")(key, query, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

    def body(self) -> bytes:
        """Reads the rest of the request body."""
        left, self._left = self._left, 0
        return self.rfile.read(left)

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        self.body()
        self.send(status, body, Content_Type="application/xml")

    def _list_buckets(self) -> None:
        entries = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in self.server.service.buckets)
        answer = f"<ListAllMyBucketsResult><Buckets>{entries}</Buckets></ListAllMyBucketsResult>"
        self.send(200, answer.encode(), Content_Type="application/xml")

    def _list_objects(self, query: dict[str, str]) -> None:
        prefix, delimiter, most = query.get("prefix", ""), query.get("delimiter", ""), int(query.get("max-keys", 1000))
        found: dict[str, bool] = {}
        for key in sorted(self.server.service.objects):
            name, deeper, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
            if key.startswith(prefix):
                found[f"{prefix}{name}{deeper}" if deeper else key] = bool(deeper)
        left = [name for name in sorted(found) if name > query.get("continuation-token", "")]
        shown = quote if query.get("encoding-type") == "url" else str
        entries = "".join(
            f"<CommonPrefixes><Prefix>{shown(name)}</Prefix></CommonPrefixes>"
            if found[name]
            else f"<Contents><Key>{shown(name)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<Size>{len(self.server.service.objects[name])}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for name in left[:most]
        )
        encoding = "<EncodingType>url</EncodingType>" if shown is quote else ""
        more = (
            f"<IsTruncated>true</IsTruncated><NextContinuationToken>{shown(left[most - 1])}</NextContinuationToken>"
            if len(left) > most
            else ""
        )
        about = f"<Name>bucket</Name><Prefix></Prefix>{encoding}{more}"
        answer = f"<ListBucketResult>{about}{entries}</ListBucketResult>"
        self.send(200, answer.encode(), Content_Type="application/xml")

    def _get(self, key: str, query: dict[str, str], _: bytes) -> None:
        service = self.server.service
        if not key:
            self._list_objects(query)
        elif key not in service.objects:
            self.refuse(*NO_KEY)
        elif self.headers.get("If-Match", f'"{self._shown(key)}"') != f'"{self._shown(key)}"':
            self.refuse(412, "PreconditionFailed", "changed")
        else:
            content = service.objects[key]
            found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            part = content[int(found[1]) : int(found[2] or len(content)) + 1] if found else content
            encoding = {"Content_Encoding": service.encoding} if service.encoding else {}
            self.send(206 if found else 200, part, ETag=f'"{self._shown(key)}"', **encoding)

    def _head(self, key: str, _: dict[str, str], __: bytes) -> None:
        if key not in self.server.service.objects:
            self.send(404)
        else:
            length = str(len(self.server.service.objects[key]))
            self.send(200, Content_Length=length, ETag=f'"{self._shown(key)}"')

    def _put(self, key: str, query: dict[str, str], body: bytes) -> None:
        service = self.server.service
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if "uploadId" in query:
            if query["uploadId"] not in service.uploads:
                self.refuse(404, "NoSuchUpload", "it is not known")
                return
            service.uploads[query["uploadId"]][int(query["partNumber"])] = body
        elif self._exists(key):
            return
        else:
            service.objects[key], service.etags[key] = service.damage(body), etag
        self.send(200, ETag=f'"{etag}"')

    def _post(self, key: str, query: dict[str, str], _: bytes) -> None:
        service = self.server.service
        if "uploads" in query:
            number = f"upload-{len(service.asked)}"
            service.uploads[number] = {}
            names = f"<Bucket>bucket</Bucket><Key>{key}</Key>"
            text = (
                f"<InitiateMultipartUploadResult>{names}<UploadId>{number}</UploadId></InitiateMultipartUploadResult>"
            )
        elif query["uploadId"] not in service.uploads:
            self.refuse(404, "NoSuchUpload", "it is not known")
            return
        elif self._exists(key):
            return
        else:
            parts = service.uploads.pop(query["uploadId"])
            ordered = [parts[number] for number in sorted(parts)]
            digests = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in ordered)
            service.objects[key] = service.damage(b"".join(ordered))
            service.etags[key] = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
            names = f"<Bucket>bucket</Bucket><Key>{key}</Key><ETag>{self._shown(key)}</ETag>"
            text = f"<CompleteMultipartUploadResult>{names}</CompleteMultipartUploadResult>"
        self.send(200, text.encode(), Content_Type="application/xml")

    def _delete(self, key: str, query: dict[str, str], _: bytes) -> None:
        if "uploadId" in query:
            self.server.service.uploads.pop(query["uploadId"], None)
        else:
            self.server.service.objects.pop(key, None)
        self.send(204)

    def _exists(self, key: str) -> bool:
        """Refuses a request for a new object if there is one already, and returns whether it has."""
        exists = self.headers.get("If-None-Match") == "*" and key in self.server.service.objects
        if exists:
            self.refuse(412, "PreconditionFailed", "there is such an object")
        return exists

    def _shown(self, key: str) -> str:
        return self.server.service.etag(self.server.service.etags[key])

    def log_message(self, *_: object) -> None:
        pass


class Times:
    """Counts down the number of times that a fault is injected."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Returns whether one more time is left, and uses it."""
        with self._lock:
            self._left -= 1
            return self._left >= 0


def breaking(method: str, after: int, times: int, key: str | None = None) -> Fault:
    """Breaks the connection of some requests, of one key or of any, in the middle of their content."""
    left = Times(times)

    def fault(asked: Asked, handler: Handler) -> bool:
        if asked.method != method or key not in (None, asked.key) or not left.take():
            return False
        if method == "GET":
            content = handler.server.service.objects[asked.key]
            begin, end = 0, len(content) - 1
            if asked_range := handler.headers["Range"]:
                begin, end = map(int, re.findall(r"\d+", asked_range))
            handler.send_response(206 if asked_range else 200)
            handler.send_header("Content-Length", str(end + 1 - begin))
            handler.send_header("ETag", f'"{handler.server.service.etags[asked.key]}"')
            handler.end_headers()
            handler.wfile.write(content[begin : begin + after])
        else:
            handler.rfile.read(after)
        handler.close_connection = True
        handler.connection.shutdown(SHUT_RDWR)
        return True

    return fault


def refusing(
    status: int,
    code: str,
    *,
    methods: tuple[str, ...] = ("PUT", "POST"),
    times: int = 10**9,
    message: str = "as it was told to",
) -> Fault:
    left = Times(times)

    def fault(asked: Asked, handler: Handler) -> bool:
        if asked.method not in methods or not left.take():
            return False
        handler.refuse(status, code, message)
        return True

    return fault


def replacing(times: int, body: bytes) -> Fault:
    """Answers some requests with a body in place of the service, like a proxy with its own page."""
    left = Times(times)

    def fault(asked: Asked, handler: Handler) -> bool:
        del asked
        if not left.take():
            return False
        handler.body()
        handler.send(200, body, Content_Type="text/html")
        return True

    return fault


def slow(seconds: float) -> Fault:
    def fault(asked: Asked, handler: Handler) -> bool:
        del asked, handler
        time.sleep(seconds)
        return False

    return fault
