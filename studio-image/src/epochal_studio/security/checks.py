"""The checks of a request before anything reads its body: pure decisions over its line and headers."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from epochal_studio.bodies import MAX_BODY
from epochal_studio.problems import Refusal, refuse
from epochal_studio.security.headers import API
from epochal_studio.security.hosts import is_allowed, is_own_origin
from epochal_studio.security.raw_bodies import MARK, MARK_VALUE, RawBody, raw_body

PROBES = frozenset({"/healthz", "/readyz"})
"""Paths of probes. They name the address of the pod as host, so any host may ask. The answer is `ok` for anyone."""
STREAM = "/api/stream"
MAX_PATH = 2048
MAX_QUERY = 32 * 1024
"""Maximum bytes of a query: that of a comparison names 200 runs."""
READS = frozenset({"GET", "HEAD"})
CHANGES = frozenset({"POST", "DELETE"})
_TRICKS = re.compile(r"%(2f|5c|0[0-9a-f]|1[0-9a-f]|7f)|\\|//|[\x00-\x20\x7f]|(^|/)(\.|%2e){1,2}(/|$)", re.IGNORECASE)
"""Parts of paths that servers and proxies read differently: encoded slashes, control characters and dot segments."""


@dataclass(frozen=True)
class Head:
    """The line and the headers of a request, as far as checks need them.

    Args:
        method: The HTTP method.
        path: The decoded path, by which the router finds the handler.
        raw_path: The path as sent, without the query.
        query_length: Bytes of the query.
        hosts: Values of the header Host.
        origins: Values of the header Origin.
        fetch_site: The header Sec-Fetch-Site, which a browser sets; "" if it is missing.
        content_type: The media type, without parameters.
        content_encoding: The header Content-Encoding.
        content_length: Bytes of the body; None if the request does not say.
        is_chunked: Whether the body has a Transfer-Encoding.
        mark: The header Epochal-Studio; "" if it is missing.
    """

    method: str
    path: str
    raw_path: str
    query_length: int
    hosts: Sequence[str]
    origins: Sequence[str]
    fetch_site: str
    content_type: str
    content_encoding: str
    content_length: int | None
    is_chunked: bool
    mark: str = ""

    @property
    def is_read(self) -> bool:
        """Whether the request changes nothing."""
        return self.method in READS


def check(head: Head, hosts: Collection[str]) -> Refusal | None:
    """Return why a request is refused; None if it may go on.

    Args:
        head: The request.
        hosts: The allow-list of hosts, in lower case: HOST for any port, or HOST:PORT.
    """
    if head.path in PROBES:
        return None if head.method in READS else _method(head)
    return _host(head, hosts) or _line(head) or _origin(head) or _body(head)


def _line(head: Head) -> Refusal | None:
    if len(head.raw_path) > MAX_PATH or head.query_length > MAX_QUERY:
        return refuse(414, "TooLong", f"the path must have at most {MAX_PATH} bytes, and the query {MAX_QUERY}")
    if not head.raw_path.startswith("/") or _TRICKS.search(head.raw_path):
        return refuse(400, "Invalid", "the path has an encoded slash, a control character, or a segment . or ..")
    return None if head.method in READS | CHANGES or raw_body(head.method, head.path) else _method(head)


def _host(head: Head, hosts: Collection[str]) -> Refusal | None:
    """Return the refusal of a host that is not of the allow-list: another page's name for this address (rebinding)."""
    if len(head.hosts) == 1 and is_allowed(head.hosts[0], hosts):
        return None
    return refuse(
        421,
        "HostNotAllowed",
        "Studio does not serve this host name.",
        "Open Studio at its own address, or add the name to studio.hosts of the chart.",
    )


def _origin(head: Head) -> Refusal | None:
    """Return the refusal of a request that a page of another origin sends."""
    if not head.path.startswith(API):
        return None
    refused = refuse(
        403,
        "ForeignOrigin",
        "The request comes from a page of another address.",
        "Open Studio at its own address. A script sends the header Origin with the address of Studio.",
    )
    if head.origins and (len(head.origins) > 1 or not is_own_origin(head.origins[0], head.hosts[0])):
        return refused
    if head.fetch_site not in {"", "same-origin"} and not (head.fetch_site == "none" and _is_plain_read(head)):
        return refused
    # A browser sends the origin with each change, and Sec-Fetch-Site with each request.
    if not head.is_read and not head.origins:
        return refused
    if head.path == STREAM and not head.origins and not head.fetch_site:
        return refused
    return None


def _body(head: Head) -> Refusal | None:
    if head.is_read:
        if head.is_chunked or head.content_length:
            return refuse(400, "Invalid", f"a {head.method} has no body")
        return None
    raw = raw_body(head.method, head.path)
    return _json(head) if raw is None else _raw(head, raw)


def _json(head: Head) -> Refusal | None:
    """Return why a body that must be JSON is refused, or None."""
    if head.content_type != "application/json" or head.content_encoding not in {"", "identity"}:
        return refuse(415, "NotJSON", "the body must have the content type application/json, and no encoding")
    if head.is_chunked or (head.content_length is None and head.method == "POST"):
        return refuse(411, "LengthRequired", "the request must have the header Content-Length")
    if (head.content_length or 0) > MAX_BODY:
        return refuse(413, "TooLarge", f"the body must have at most {MAX_BODY} bytes, found {head.content_length}")
    return None


def _raw(head: Head, body: RawBody) -> Refusal | None:
    """Return why a body of another type than JSON is refused, or None."""
    if head.mark != MARK_VALUE:
        return refuse(403, "ForeignOrigin", f"the request must have the header {MARK}: {MARK_VALUE}")
    if head.content_type not in body.types or head.content_encoding not in {"", "identity"}:
        types = " or ".join(sorted(body.types))
        return refuse(415, "WrongType", f"the body must have the content type {types}, and no encoding")
    if head.is_chunked or head.content_length is None:
        return refuse(411, "LengthRequired", "the request must have the header Content-Length")
    if head.content_length > body.most:
        size = f"{body.most // 2**20:,} MiB"
        return refuse(413, "TooLarge", f"the body must have at most {size}, found {head.content_length:,} bytes")
    return None


def _is_plain_read(head: Head) -> bool:
    """Return whether a request is one that a user can type into the address bar."""
    return head.is_read and head.path != STREAM


def _method(head: Head) -> Refusal:
    return refuse(405, "MethodNotAllowed", f"{head.method[:16]} is not allowed here", headers={"Allow": "GET, HEAD"})
