"""Recognizes bodies of another media type than the URL path expects, by their first bytes and by their Content-Type.

A body that is a picture, or begins like a JSON object, is accepted with every Content-Type: `curl --data` declares a
form, and other clients declare nothing.
"""

import re
from collections.abc import Mapping

from epochal_server.protocols.protocol import JSON
from epochal_server.refusals import Unsupported

GENERIC = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded", "text/plain"})
"""Types that clients declare for any body."""
_JSON = frozenset({JSON, "text/json"})
_PICTURES = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n")),
    ("WebP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("GIF", re.compile(rb"GIF8")),
)
_OBJECT = re.compile(rb"\s*\{")


def declared(headers: Mapping[str, str]) -> str:
    """Return the media type in the header Content-Type, without its parameters, or "" if the header is missing.

    aiohttp's own parser takes quadratic time in the length of the header.
    """
    return normal(headers.get("Content-Type", ""))


def normal(content_type: str) -> str:
    """Return a media type in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def may_be_json(media_type: str) -> bool:
    """Return whether a body of this media type may be JSON: it is a JSON type, or clients declare it for any body."""
    return media_type in GENERIC or media_type in _JSON or media_type.endswith("+json")


def check_json(body: bytes, media_type: str) -> None:
    """Check that a body may be a JSON object. Pictures pass this check: the JSON parser refuses them later.

    Raises:
        Unsupported: If the body does not begin with {, and is declared as another type than JSON, such as text/csv.
    """
    if not may_be_json(media_type) and not _OBJECT.match(body) and _picture(body) is None:
        raise Unsupported(
            f"Content-Type: expected {JSON}, found {media_type[:40]!r}: send the samples as JSON, as at GET /docs"
        )


def refuse_picture(body: bytes) -> None:
    """Raise Unsupported if a body that should be JSON is a picture: a JPEG, PNG, WebP or GIF."""
    if (picture := _picture(body)) is not None:
        raise Unsupported(
            f"body: expected a JSON object, found a {picture} picture: send pictures to POST /predict "
            "(a ModelServer with spec.images)"
        )


def check_photograph(body: bytes, media_type: str, model: str) -> None:
    """Check that a body may be a photograph, by its first bytes or its media type. The decoder finds damaged pictures.

    Raises:
        Unsupported: If the body does not begin like a picture, and is declared as another type than a picture.
    """
    if media_type in GENERIC or media_type.startswith("image/") or _picture(body) is not None:
        return
    raise Unsupported(
        f"Content-Type: expected a photograph, image/jpeg, image/png or image/webp, or multipart/form-data, found "
        f"{media_type[:40]!r}: send a photograph, or JSON to /v2/models/{model}/infer"
    )


def _picture(body: bytes) -> str | None:
    """Return the format of a picture (JPEG, PNG, WebP or GIF) by its first bytes, or None for another body."""
    return next((name for name, first_bytes in _PICTURES if first_bytes.match(body)), None)
