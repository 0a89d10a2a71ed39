"""The requests whose body is no JSON: each has its own types and maximum, and a header that no form can send."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from epochal_studio.servers.options import MAX_BYTES, TYPES
from epochal_studio.wire import MAX_IMPORT

MARK, MARK_VALUE = "Epochal-Studio", "1"
"""A header that a page of another origin cannot send without a preflight, which Studio never allows: as the content
type application/json is for all other changes."""
MAX_UPLOAD = 5 * 2**30
"""Maximum bytes of an upload: the largest object that any S3 service takes in one request, so that `replace` and copies
of other programs work for it."""


IMPORT = "/api/import"


class RawBody(NamedTuple):
    """The body of a request that is no JSON. Its handler reads it as a stream, or within a bound of its own.

    Args:
        types: Media types.
        most: Maximum bytes.
    """

    types: frozenset[str]
    most: int


_BYTES = frozenset({"application/octet-stream"})
_RAW_BODIES: Sequence[tuple[str, re.Pattern[str], RawBody]] = (
    ("POST", re.compile(r"/api/servers/[^/]+/[^/]+/predict"), RawBody(TYPES, MAX_BYTES)),
    ("POST", re.compile(IMPORT), RawBody(_BYTES, MAX_IMPORT)),
    ("PUT", re.compile(r"/api/buckets/[^/]+/object"), RawBody(_BYTES, MAX_UPLOAD)),
)
"""Method, path and body. A method that is not POST or DELETE is allowed for its path alone."""


def raw_body(method: str, path: str) -> RawBody | None:
    """Return the body of a request that is no JSON; None for any other request."""
    return next((body for of, pattern, body in _RAW_BODIES if of == method and pattern.fullmatch(path)), None)
