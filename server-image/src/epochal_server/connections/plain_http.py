"""Parses the heads of plain requests, and encodes responses. aiohttp handles all other requests.

A plain request is an HTTP/1.1 POST with Host, a Content-Length and a Content-Type that may be JSON, and without the
headers in `_SPECIAL`. A head is the request line and the headers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

from epochal_server.auth import API_KEY, AUTHORIZATION
from epochal_server.protocols.media_type import may_be_json, normal
from epochal_server.protocols.protocol import HEADER_LENGTH, Body

MAX_HEAD_BYTES = 4096
MAX_CACHED = 512
"""Maximum number of cached parsed heads. A client usually sends the same head with each request."""
END = b"\r\n\r\n"

_HEAD = re.compile(rb"POST (/[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)+)\r\n")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_HEADER_LENGTH = HEADER_LENGTH.lower().encode()
_AUTHORIZATION = AUTHORIZATION.lower().encode()
_API_KEY = API_KEY.lower().encode()
_READ = {AUTHORIZATION: _AUTHORIZATION, API_KEY: _API_KEY, HEADER_LENGTH: _HEADER_LENGTH}
_SINGLE = frozenset({b"host", b"content-length", *_READ.values()})
_SPECIAL = frozenset(
    {
        *(b"connection", b"content-encoding", b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"origin", b"sec-fetch-site"),
    }
)
"""Headers that only aiohttp's routes handle: they change how a request is read or answered, or whether it is allowed.
`Connection: keep-alive` is an exception."""
_CACHEABLE = frozenset(
    {
        *(b"accept", b"accept-encoding", b"connection", b"content-length", b"content-type", b"host", b"user-agent"),
        _HEADER_LENGTH,
    }
)
"""Headers of heads that may be cached. A head with another header may contain an API key, so it is not cached."""


@dataclass(frozen=True, slots=True)
class Head:
    """The path, the body's length and the relevant headers of a plain request, see the docstring of this module."""

    path: str
    length: int
    """Length of the body in bytes."""
    headers: Mapping[str, str]
    """The headers that the server reads: Authorization, X-API-Key and Inference-Header-Content-Length."""


_cache: dict[bytes, Head] = {}


def read_head(head: bytes) -> Head | None:
    """Return the parsed head of a plain request. Return None for any other head, which aiohttp must parse."""
    if (cached := _cache.get(head)) is not None:
        return cached
    match = _HEAD.fullmatch(head)
    if match is None:
        return None
    lines = [line.partition(b":") for line in match[2].split(b"\r\n")[:-1]]
    headers = [(name.lower(), value.strip(b" \t")) for name, _, value in lines]
    names = [name for name, _ in headers]
    values = dict(headers)
    if any(names.count(name) > 1 for name in _SINGLE) or not _LENGTH.fullmatch(values.get(b"content-length", b"")):
        return None
    if b"host" not in values or any(name in _SPECIAL and not _keeps_alive(name, value) for name, value in headers):
        return None
    if not may_be_json(normal(values.get(b"content-type", b"").decode("ascii"))):
        return None
    read_headers = {name: values[key].decode("ascii") for name, key in _READ.items() if key in values}
    read = Head(match[1].decode("ascii"), int(values[b"content-length"]), read_headers)
    if _CACHEABLE.issuperset(names):
        if len(_cache) >= MAX_CACHED:
            _cache.clear()
        _cache[head] = read
    return read


def _keeps_alive(name: bytes, value: bytes) -> bool:
    """Return whether a header is `Connection: keep-alive`, which is the default anyway."""
    return name == b"connection" and value.lower() == b"keep-alive"


def response(status: int, body: Body, headers: Mapping[str, str], *, closes: bool) -> bytes:
    """Return the bytes of an HTTP response, with `Connection: close` if `closes`, or else `Connection: keep-alive`."""
    first = _head_start(status, body.content_type, *body.headers.items(), *headers.items())
    last = b"close" if closes else b"keep-alive"
    return b"%b%bContent-Length: %d\r\nConnection: %b\r\n\r\n%b" % (
        first,
        _date(int(time())),
        len(body.content),
        last,
        body.content,
    )


@lru_cache(64)
def _head_start(status: int, content_type: str, *headers: tuple[str, str]) -> bytes:
    """Return the status line and the first headers of a response. Date, Content-Length and Connection follow them."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Type: {content_type}"]
    return "".join(f"{line}\r\n" for line in (*lines, *(f"{name}: {value}" for name, value in headers))).encode(
        "latin-1"
    )


@lru_cache(1)
def _date(seconds: int) -> bytes:
    return f"Date: {formatdate(seconds, usegmt=True)}\r\n".encode()
