"""The requests whose body may be other than JSON: uploads, imports and predictions, with their types and maximum sizes.

Each needs the header Epochal-Studio, which an HTML form cannot send.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from epochal_studio.servers.options import MAX_BYTES, TYPES
from epochal_studio.wire.documents import MAX_IMPORT

MARK, MARK_VALUE = "Epochal-Studio", "1"
"""A header that a page of another origin cannot send without a CORS preflight request, which Studio never allows. For
all other changes, the content type application/json has this effect."""
MAX_UPLOAD = 5 * 2**30
"""Maximum bytes of an upload: the largest object that S3 services accept in one request, so that other programs can
replace and copy the object."""


IMPORT = "/api/import"


class RawBody(NamedTuple):
    """The limits of a request body that may be other than JSON. The handler reads it as a stream.

    Args:
        types: Allowed media types.
        most: Maximum bytes of the body.
    """

    types: frozenset[str]
    most: int


_BYTES = frozenset({"application/octet-stream"})
_RAW_BODIES: Sequence[tuple[str, re.Pattern[str], RawBody]] = (
    ("POST", re.compile(r"/api/servers/[^/]+/[^/]+/predict"), RawBody(TYPES, MAX_BYTES)),
    ("POST", re.compile(IMPORT), RawBody(_BYTES, MAX_IMPORT)),
    ("PUT", re.compile(r"/api/buckets/[^/]+/object"), RawBody(_BYTES, MAX_UPLOAD)),
)
"""Method, path and limits of each request body that may be other than JSON. PUT is allowed only for the path here."""


def raw_body(method: str, path: str) -> RawBody | None:
    """Return the limits of the body for an upload, import or prediction; None for any other request."""
    return next((body for of, pattern, body in _RAW_BODIES if of == method and pattern.fullmatch(path)), None)
