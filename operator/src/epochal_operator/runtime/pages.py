"""Pages of a list: their size follows the objects of each resource, so that each page has a bounded number of bytes."""

from typing import Any, NamedTuple

from epochal_operator.runtime.resource import Resource

FIRST_OBJECTS = 8
"""Objects in the first page of a resource of which no page was read yet."""
MAX_OBJECTS = 500
"""Objects in a page, at most: kubectl asks for as many."""
PAGE_BYTES = 512 * 1024
"""Bytes of JSON that a page should have."""
MAX_PAGE_BYTES = 2 * 1024 * 1024
"""Bytes of a page with several objects, at most. As Python objects, JSON can take 28 times its bytes."""
GROWTH = 4
"""Factor between the sizes of two pages, at most."""


class Page(NamedTuple):
    """Objects of a resource at one resourceVersion, which is the same for all pages of a list.

    Args:
        items: The objects.
        resource_version: The version.
        following: Token of the next page, or an empty string at the end.
    """

    items: list[dict[str, Any]]
    resource_version: str
    following: str = ""


class PageSizes:
    """The number of objects to ask for in the next page of each resource."""

    def __init__(self) -> None:
        self._sizes: dict[Resource, int] = {}

    def of(self, resource: Resource) -> int:
        """Returns the `limit` of the next page.

        Args:
            resource: The resource that is listed.
        """
        return self._sizes.get(resource, FIRST_OBJECTS)

    def read(self, resource: Resource, limit: int, count: int, size: int) -> None:
        """Adapts the size to a page that was read.

        Args:
            resource: The resource that is listed.
            limit: The page's `limit`.
            count: Objects in the page.
            size: Bytes of the page.
        """
        if count:
            fitting = PAGE_BYTES * count // max(1, size)
            self._sizes[resource] = max(1, min(fitting, GROWTH * limit, MAX_OBJECTS))

    def dropped(self, resource: Resource, limit: int) -> None:
        """Adapts the size to a page that exceeded MAX_PAGE_BYTES.

        Args:
            resource: The resource that is listed.
            limit: The page's `limit`.
        """
        self._sizes[resource] = max(1, limit // GROWTH)


def page_of(answer: dict[str, Any]) -> Page:
    """Returns the objects of the answer to a list, and removes them from the answer, so that they can be freed."""
    metadata = answer["metadata"]
    return Page(answer.pop("items", None) or [], metadata["resourceVersion"], metadata.get("continue") or "")
