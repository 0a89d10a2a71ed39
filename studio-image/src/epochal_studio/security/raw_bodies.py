"""The requests whose body is no JSON: each has its own types and maximum, and a header that no form can send."""

import re
from collections.abc import Mapping
from typing import NamedTuple

MARK, MARK_VALUE = "Epochal-Studio", "1"
"""A header that a page of another origin cannot send without a preflight, which Studio never allows: as the content
type application/json is for all other changes."""
MAX_UPLOAD = 5 * 2**30
"""Maximum bytes of an upload: the largest object that any S3 service takes in one request, so that `replace` and copies
of other programs work for it."""


class RawBody(NamedTuple):
    """The body of a request that is no JSON. Its handler reads it as a stream, or within a bound of its own.

    Args:
        types: Media types.
        most: Maximum bytes.
    """

    types: frozenset[str]
    most: int


_RAW_BODIES: Mapping[str, tuple[re.Pattern[str], RawBody]] = {
    "PUT": (re.compile(r"/api/buckets/[^/]+/object"), RawBody(frozenset({"application/octet-stream"}), MAX_UPLOAD)),
}
"""Path and body by method. A method that is not POST or DELETE is allowed for its path alone."""


def raw_body(method: str, path: str) -> RawBody | None:
    """Return the body of a request that is no JSON; None for any other request."""
    pattern, body = _RAW_BODIES.get(method, (None, None))
    return body if pattern is not None and pattern.fullmatch(path) else None
