"""Writes the responses of the fast path."""

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

from epochal_server.quick.codec import Body

_PHRASES = {int(status): status.phrase for status in HTTPStatus}


def response(status: int, body: Body, headers: Mapping[str, str], *, ends: bool) -> bytes:
    """Return the bytes of a response.

    Args:
        status: HTTP status.
        body: Body with its headers.
        headers: Further headers.
        ends: Whether the connection closes after this response.
    """
    first = _first(status, body.content_type, *body.headers.items(), *headers.items())
    last = b"close" if ends else b"keep-alive"
    return b"%b%bContent-Length: %d\r\nConnection: %b\r\n\r\n%b" % (
        first,
        _date(int(time())),
        len(body.content),
        last,
        body.content,
    )


@lru_cache(64)
def _first(status: int, content_type: str, *headers: tuple[str, str]) -> bytes:
    """Return the status line and the first headers of a response."""
    lines = [f"HTTP/1.1 {status} {_PHRASES[status]}", f"Content-Type: {content_type}"]
    return "".join(f"{line}\r\n" for line in (*lines, *(f"{name}: {value}" for name, value in headers))).encode(
        "latin-1"
    )


@lru_cache(1)
def _date(seconds: int) -> bytes:
    return f"Date: {formatdate(seconds, usegmt=True)}\r\n".encode()
