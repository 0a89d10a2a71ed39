"""Reads the head of a plain request. Whatever is not as plain as can be is left to a whole implementation of HTTP."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from epochal_server.auth import AUTHORIZATION

MOST_BYTES = 4096
"""A longer head is not plain."""
REMEMBERED = 512
"""Heads that are remembered: a client sends the same one again and again."""

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
"""Headers that change how a request is read or answered, or whether it is."""
_HARMLESS = frozenset(
    {
        *(b"accept", b"accept-encoding", b"connection", b"content-length", b"content-type", b"host", b"user-agent"),
        _HEADER_LENGTH,
    }
)
"""Headers that may lie around in memory: with others there may be keys in a head."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a plain POST."""

    path: str
    length: int
    """Bytes of the body."""
    header_length: str | None
    """Inference-Header-Content-Length."""
    headers: Mapping[str, str]
    """Those by which auth.Authorize knows who asks."""


_remembered: dict[bytes, Head] = {}


def read(head: bytes) -> Head | None:
    """Returns what the head of a request says; None if it is not plain.

    Args:
        head: All of it, to the empty line.
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
    """Returns whether a header says but that the connection is to be kept, as it is anyway."""
    return name == b"connection" and value.lower() == b"keep-alive"
