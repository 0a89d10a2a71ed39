"""Pages of a list. Their size adapts to the objects of each resource, so that a page has a bounded size in bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import Any, NamedTuple

from epochal_operator.runtime.api.errors import PageTooLarge

FIRST_OBJECTS = 8
"""Number of objects in the first page of the first list of a resource."""
MAX_OBJECTS = 500
"""Maximum number of objects in a page. kubectl has the same maximum."""
PAGE_BYTES = 512 * 1024
"""Target size of a page in bytes of JSON."""
MAX_PAGE_BYTES = 2 * 1024 * 1024
"""Maximum bytes of a page of several objects. A larger page is requested again with fewer objects. Python objects can
take 28 times the bytes of their JSON."""
GROWTH = 4
"""Maximum factor by which the number of objects grows to the next page, and shrinks after a page that is too large."""


Fetch = Callable[[dict[str, str], int | None], Awaitable[tuple[dict[str, Any], int]]]
"""A function that requests a page with query parameters and a maximum size in bytes (None for no maximum).

It returns the JSON of the page and its size in bytes, or raises PageTooLarge.
"""


class Page(NamedTuple):
    """A page of a list. All pages of a list have the same resourceVersion; the last page has no `continue` token."""

    items: list[dict[str, Any]]
    resource_version: str
    continue_token: str = ""


class Pages:
    """Reads lists page by page. It requests only one page at a time, because a page may take much memory."""

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
        """Return the next page of a list. While the page is too large, request it again with fewer objects."""
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
    """Return the maximum number of objects for the next page, so that it has about PAGE_BYTES.

    Args:
        limit: The maximum number of objects for the last page.
        count: The number of objects in the last page.
        size: The bytes of the last page.
    """
    fitting = PAGE_BYTES * count // max(1, size)
    return max(1, min(fitting, GROWTH * limit, MAX_OBJECTS)) if count else limit
