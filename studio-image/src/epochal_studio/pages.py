"""Serves the built files of Studio's web pages, and index.html for each path of the pages' own router."""

import gzip
import logging
import mimetypes
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from epochal_studio.problems import refuse

MAX_FILES, MAX_BYTES = 2000, 64 * 2**20
HASHED = "assets/"
"""Folder of the files whose names contain a digest of their content. Vite names them."""
INDEX = "index.html"
_COMPRESSED = frozenset({".html", ".js", ".css", ".svg", ".json", ".map", ".txt", ".webmanifest"})

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageFile:
    """A file of the web pages, in memory.

    Args:
        content: The content.
        compressed: The content compressed by gzip; None for types that do not compress, or if it is not smaller.
        type: The media type.
        digest: Digest of the content, for the header ETag.
        is_immutable: Whether the file name contains a digest of the content, so browsers may cache it forever.
    """

    content: bytes
    compressed: bytes | None
    type: str
    digest: str
    is_immutable: bool


def read_pages(folder: Path) -> dict[str, PageFile]:
    """Return the files of a folder by their relative path. Symbolic links are skipped.

    Raises:
        ValueError: If the folder has too many files or bytes.
    """
    found: dict[str, PageFile] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        size += path.stat().st_size
        if size > MAX_BYTES or len(found) >= MAX_FILES:
            raise ValueError(f"the folder of the pages has more than {MAX_FILES} files or {MAX_BYTES} bytes: {folder}")
        found[path.relative_to(folder).as_posix()] = _page_file(path, path.relative_to(folder).as_posix())
    return found


def routes(folder: Path) -> list[web.RouteDef]:
    """Return the route for all paths without another route.

    Args:
        folder: Folder of the built pages. Its files are read once into memory.
    """
    files = read_pages(folder) if folder.is_dir() else {}
    if INDEX not in files:
        log.error("there is no %s in %s: build the pages, or set EPOCHAL_STUDIO_PAGES to their folder", INDEX, folder)
    return [web.get("/{path:.*}", _send(files))]


def _send(files: dict[str, PageFile]) -> Handler:
    async def send(request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        file = files.get(path)
        if file is None and (path.startswith((HASHED, "api/")) or path == "api"):
            raise refuse(404, "NotFound", "Studio has no page or file at this path")
        # The path of a page, which the page's own router reads.
        file = file or files.get(INDEX)
        if file is None:
            raise refuse(503, "NotBuilt", "the pages of Studio are not built", "Use the image of Studio.")
        headers = {
            hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable" if file.is_immutable else "no-cache",
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
        }
        if any(tag.value == file.digest for tag in request.if_none_match or ()):
            response = web.Response(status=304, headers=headers)
        else:
            is_compressed = file.compressed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
            if is_compressed:
                headers[hdrs.CONTENT_ENCODING] = "gzip"
            body = file.compressed if is_compressed else file.content
            headers[hdrs.CONTENT_TYPE] = file.type
            response = web.Response(body=body, headers=headers)
        response.etag = file.digest
        return response

    return send


def _page_file(path: Path, name: str) -> PageFile:
    content = path.read_bytes()
    type_ = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if path.suffix in {".js", ".mjs"}:
        type_ = "text/javascript"
    if type_.startswith("text/"):
        type_ += "; charset=utf-8"
    compressed = gzip.compress(content, 9, mtime=0) if path.suffix in _COMPRESSED else None
    if compressed is not None and len(compressed) >= len(content):
        compressed = None
    digest = sha256(content).hexdigest()[:32]
    return PageFile(content, compressed, type_, digest, name.startswith(HASHED))
