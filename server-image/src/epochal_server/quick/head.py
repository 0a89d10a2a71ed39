"""Parses the heads of plain requests. aiohttp handles all other requests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from epochal_server.auth import AUTHORIZATION

MOST_BYTES = 4096
"""Maximum size of a plain head."""
REMEMBERED = 512
"""Maximum number of cached heads. A client usually sends the same head with each request."""

_HEAD = re.compile(rb"POST (/[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)+)\r\n")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_HEADER_LENGTH = b"inference-header-content-length"
_AUTHORIZATION = AUTHORIZATION.lower().encode()
_ONCE = frozenset({b"host", b"content-length", _HEADER_LENGTH, _AUTHORIZATION})
_ODD = frozenset(
    {
        *(b"connection", b"content-encoding", b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"origin", b"sec-fetch-site"),
    }
)
"""Headers that change how a request is read or answered, or whether it is allowed."""
_HARMLESS = frozenset(
    {
        *(b"accept", b"accept-encoding", b"connection", b"content-length", b"content-type", b"host", b"user-agent"),
        _HEADER_LENGTH,
    }
)
"""Headers that may stay in memory. A head with other headers may contain keys, so it is not cached."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a plain POST."""

    path: str
    length: int
    """Length of the body in bytes."""
    header_length: str | None
    """The value of Inference-Header-Content-Length."""
    headers: Mapping[str, str]
    """Headers that auth.Authorize reads."""


_remembered: dict[bytes, Head] = {}


def read(head: bytes) -> Head | None:
    """Return the parsed head of a request, or None if the head is not plain.

    Args:
        head: The bytes up to and including the empty line.
    """
    if (found := _remembered.get(head)) is not None:
        return found
    match = _HEAD.fullmatch(head)
    if match is None:
        return None
    lines = [line.partition(b":") for line in match[2].split(b"\r\n")[:-1]]
    headers = [(name.lower(), value.strip(b" \t")) for name, _, value in lines]
    names = [name for name, _ in headers]
    values = dict(headers)
    if any(names.count(name) > 1 for name in _ONCE) or not _LENGTH.fullmatch(values.get(b"content-length", b"")):
        return None
    if b"host" not in values or any(name in _ODD and not _kept(name, value) for name, value in headers):
        return None
    header_length = values[_HEADER_LENGTH].decode("ascii") if _HEADER_LENGTH in values else None
    sent = {AUTHORIZATION: values[_AUTHORIZATION].decode("ascii")} if _AUTHORIZATION in values else {}
    read = Head(match[1].decode("ascii"), int(values[b"content-length"]), header_length, sent)
    if _HARMLESS.issuperset(names):
        if len(_remembered) >= REMEMBERED:
            _remembered.clear()
        _remembered[head] = read
    return read


def _kept(name: bytes, value: bytes) -> bool:
    """Return whether a header is `Connection: keep-alive`, which is the default anyway."""
    return name == b"connection" and value.lower() == b"keep-alive"
