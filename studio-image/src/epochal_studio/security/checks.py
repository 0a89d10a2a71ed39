"""Checks the request line and the headers of a request before its body is read. The functions are pure."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from epochal_studio.bodies import MAX_BODY
from epochal_studio.problems import Refusal, refuse
from epochal_studio.security.headers import API
from epochal_studio.security.hosts import is_allowed, is_own_origin
from epochal_studio.security.raw_bodies import MARK, MARK_VALUE, RawBody, raw_body

PROBES = frozenset({"/healthz", "/readyz"})
"""Paths of the kubelet's probes. Any value of the header Host is allowed, because the kubelet sends the pod's address.
The answer is `ok` without a sign-in."""
STREAM = "/api/stream"
MAX_PATH = 2048
MAX_QUERY = 32 * 1024
"""Maximum bytes of a query. A longer query is refused. The query of a comparison may name 200 runs."""
READS = frozenset({"GET", "HEAD"})
CHANGES = frozenset({"POST", "DELETE"})
_TRICKS = re.compile(r"%(2f|5c|0[0-9a-f]|1[0-9a-f]|7f)|\\|//|[\x00-\x20\x7f]|(^|/)(\.|%2e){1,2}(/|$)", re.IGNORECASE)
"""Parts of paths that servers and proxies interpret in different ways: encoded slashes, control characters, and the
segments `.` and `..`."""


@dataclass(frozen=True)
class Head:
    """The request line and the headers of a request that the checks need.

    Args:
        method: The HTTP method.
        path: The decoded path, which the router uses.
        raw_path: The path as sent, without the query.
        query_length: Bytes of the query.
        hosts: All values of the header Host.
        origins: All values of the header Origin.
        fetch_site: The header Sec-Fetch-Site, which a browser sets; "" if it is missing.
        content_type: The media type of the body, without parameters.
        content_encoding: The header Content-Encoding in lower case; "" if it is missing.
        content_length: The header Content-Length; None if it is missing.
        is_chunked: Whether the request has the header Transfer-Encoding.
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
        """True if the method is GET or HEAD, which never change an object."""
        return self.method in READS


def check(head: Head, hosts: Collection[str]) -> Refusal | None:
    """Return the Refusal of the first check that a request fails; None if it passes all checks.

    Args:
        head: The request line and the headers.
        hosts: The allowed values of the header Host, in lower case: HOST for any port, or HOST:PORT.
    """
    if head.path in PROBES:
        return None if head.method in READS else _method(head)
    return _check_host(head, hosts) or _line(head) or _check_origin(head) or _body(head)


def _line(head: Head) -> Refusal | None:
    if len(head.raw_path) > MAX_PATH or head.query_length > MAX_QUERY:
        return refuse(414, "TooLong", f"the path must have at most {MAX_PATH} bytes, and the query {MAX_QUERY}")
    if not head.raw_path.startswith("/") or _TRICKS.search(head.raw_path):
        return refuse(400, "Invalid", "the path has an encoded slash, a control character, or a segment . or ..")
    return None if head.method in READS | CHANGES or raw_body(head.method, head.path) else _method(head)


def _check_host(head: Head, hosts: Collection[str]) -> Refusal | None:
    """Return a Refusal if the header Host is not on the allow-list, or None.

    This protects against DNS rebinding: the page of another host name that resolves to Studio's address.
    """
    if len(head.hosts) == 1 and is_allowed(head.hosts[0], hosts):
        return None
    return refuse(
        421,
        "HostNotAllowed",
        "Studio does not serve this host name.",
        "Open Studio at its own address, or add the name to studio.hosts of the chart.",
    )


def _check_origin(head: Head) -> Refusal | None:
    """Return a Refusal if a page of another origin sends a request below /api/, or None."""
    if not head.path.startswith(API):
        return None
    refused = refuse(
        403,
        "ForeignOrigin",
        "The request comes from a page of another origin.",
        "Open Studio at its own address. A script must send the header Origin with the address of Studio.",
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
            return refuse(400, "Invalid", f"a {head.method} request must have no body")
        return None
    raw = raw_body(head.method, head.path)
    return _check_json_headers(head) if raw is None else _check_raw_headers(head, raw)


def _check_json_headers(head: Head) -> Refusal | None:
    """Return a Refusal for the headers of a body that must be JSON (type, encoding, length), or None."""
    if head.content_type != "application/json" or head.content_encoding not in {"", "identity"}:
        return refuse(415, "NotJSON", "the body must have the content type application/json, and no Content-Encoding")
    if head.is_chunked or (head.content_length is None and head.method == "POST"):
        return refuse(411, "LengthRequired", "the request must have the header Content-Length")
    if (head.content_length or 0) > MAX_BODY:
        return refuse(413, "TooLarge", f"the body must have at most {MAX_BODY} bytes, found {head.content_length}")
    return None


def _check_raw_headers(head: Head, body: RawBody) -> Refusal | None:
    """Return a Refusal for the headers of an upload, import or prediction, whose body need not be JSON, or None."""
    if head.mark != MARK_VALUE:
        return refuse(403, "ForeignOrigin", f"the request must have the header {MARK}: {MARK_VALUE}")
    if head.content_type not in body.types or head.content_encoding not in {"", "identity"}:
        types = " or ".join(sorted(body.types))
        return refuse(415, "WrongType", f"the body must have the content type {types}, and no Content-Encoding")
    if head.is_chunked or head.content_length is None:
        return refuse(411, "LengthRequired", "the request must have the header Content-Length")
    if head.content_length > body.most:
        size = f"{body.most // 2**20:,} MiB"
        return refuse(413, "TooLarge", f"the body must have at most {size}, found {head.content_length:,} bytes")
    return None


def _is_plain_read(head: Head) -> bool:
    """Return whether a user may open this address directly: GET or HEAD, but not the stream of changes."""
    return head.is_read and head.path != STREAM


def _method(head: Head) -> Refusal:
    return refuse(405, "MethodNotAllowed", f"{head.method[:16]} is not allowed here", headers={"Allow": "GET, HEAD"})
