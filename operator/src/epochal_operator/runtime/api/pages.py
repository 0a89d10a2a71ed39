"""Pages of a list. Their size adapts to the objects of each resource, so that a page has a bounded size in bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import Any, NamedTuple

from epochal_operator.runtime.api.errors import PageTooLarge

FIRST_OBJECTS = 8
"""Objects in the first page of a resource."""
MAX_OBJECTS = 500
"""Maximum number of objects in a page, as in kubectl."""
PAGE_BYTES = 512 * 1024
"""Target size of a page in bytes of JSON."""
MAX_PAGE_BYTES = 2 * 1024 * 1024
"""Maximum bytes of a page with several objects. JSON can take 28 times its bytes as Python objects."""
GROWTH = 4
"""Maximum factor between the sizes of two successive pages."""


Fetch = Callable[[dict[str, str], int | None], Awaitable[tuple[dict[str, Any], int]]]
"""Requests a page with query parameters and a size limit in bytes (None for any size), or raises PageTooLarge."""


class Page(NamedTuple):
    """A page of a list. All pages of a list have the same resourceVersion; the last page has no `continue` token."""

    items: list[dict[str, Any]]
    resource_version: str
    continue_token: str = ""


class Pages:
    """Reads lists page by page, one page at a time, because a page of the largest objects takes much of the memory."""

    def __init__(self) -> None:
        self._limits: dict[Hashable, int] = {}
        self._page_lock = asyncio.Lock()

    async def list(self, resource: Hashable, query: dict[str, str], fetch: Fetch) -> AsyncIterator[Page]:
        """Yield the pages of a list. The caller must process and release each page before it requests the next."""
        while True:
            async with self._page_lock:
                page = await self._page(resource, query, fetch)
            query = query | {"continue": page.continue_token}
            yield page
            del page  # free its memory before the next page is read
            if not query["continue"]:
                return

    async def _page(self, resource: Hashable, query: dict[str, str], fetch: Fetch) -> Page:
        """Return the next page of a list, with as many objects as fit into the byte limit of a page."""
        while True:
            limit = self._limits.get(resource, FIRST_OBJECTS)
            max_bytes = MAX_PAGE_BYTES if limit > 1 else None  # The API server limits the size of a single object.
            try:
                body, size = await fetch(query | {"limit": str(limit)}, max_bytes)
            except PageTooLarge:
                self._limits[resource] = max(1, limit // GROWTH)
                continue
            items, metadata = body.pop("items", None) or [], body["metadata"]
            self._limits[resource] = next_limit(limit, len(items), size)
            return Page(items, metadata["resourceVersion"], metadata.get("continue") or "")


def next_limit(limit: int, count: int, size: int) -> int:
    """Return the `limit` parameter of the next page, from the limit, objects and bytes of the last page."""
    fitting = PAGE_BYTES * count // max(1, size)
    return max(1, min(fitting, GROWTH * limit, MAX_OBJECTS)) if count else limit
