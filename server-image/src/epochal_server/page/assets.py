"""The files of the web pages, with their HTTP headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import PurePosixPath

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

# Allow no content of other origins, no inline scripts or styles, and no text as HTML, since names of classes are
# untrusted. Pictures are the server's files, pictures in answers (data:), or chosen files (blob:).
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
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
