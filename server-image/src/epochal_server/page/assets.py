"""The files of the pages, with what a browser needs to know of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import PurePosixPath

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

# Nothing from elsewhere, no script or style within HTML, and no text that becomes HTML: names of classes come from
# strangers. Pictures are the server's own, the ones that it answers with (data:), or what was just chosen (blob:).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # A browser keeps a file, and asks each time whether it is still the same: another version of the server has others.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Asset:
    """A file of the pages."""

    content: bytes
    """What it holds."""
    type: str
    """Its type in HTTP."""
    digest: str
    """What tells it from other versions: its ETag."""


@cache
def assets() -> Mapping[str, Asset]:
    """Returns all files of the pages, by their names."""
    files = [file for file in resources.files(__package__).iterdir() if PurePosixPath(file.name).suffix in TYPES]
    return {file.name: _asset(file.name, file.read_bytes()) for file in files}


def _asset(name: str, content: bytes) -> Asset:
    return Asset(content, TYPES[PurePosixPath(name).suffix], sha256(content).hexdigest()[:32])
