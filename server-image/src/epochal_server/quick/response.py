"""Writes the responses to plain requests."""

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

from epochal_server.quick.codec import Body

_PHRASES = {int(status): status.phrase for status in HTTPStatus}


def response(status: int, body: Body, headers: Mapping[str, str], *, ends: bool) -> bytes:
    """Returns a response.

    Args:
        status: Its status.
        body: Its body.
        headers: What else its head says.
        ends: Whether it is the last one of its connection.
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
    """Returns the first lines of a response's head."""
    lines = [f"HTTP/1.1 {status} {_PHRASES[status]}", f"Content-Type: {content_type}"]
    return "".join(f"{line}\r\n" for line in (*lines, *(f"{name}: {value}" for name, value in headers))).encode(
        "latin-1"
    )


@lru_cache(1)
def _date(seconds: int) -> bytes:
    return f"Date: {formatdate(seconds, usegmt=True)}\r\n".encode()
