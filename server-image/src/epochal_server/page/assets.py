"""The files of the web pages, with their HTTP headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import PurePosixPath

from epochal_lib.page_headers import PAGE_HEADERS

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

HEADERS = {
    **PAGE_HEADERS,
    # A browser caches a file, and asks each time whether it has changed: another version of the server has other files.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Asset:
    """A file of the web pages."""

    content: bytes
    """The content of the file."""
    type: str
    """The media type."""
    digest: str
    """The digest of the content, used as ETag."""


@cache
def assets() -> Mapping[str, Asset]:
    """Return all files of the web pages by name."""
    files = [file for file in resources.files(__package__).iterdir() if PurePosixPath(file.name).suffix in TYPES]
    return {file.name: _asset(file.name, file.read_bytes()) for file in files}


def _asset(name: str, content: bytes) -> Asset:
    return Asset(content, TYPES[PurePosixPath(name).suffix], sha256(content).hexdigest()[:32])
