"""Pages of a list. Their size adapts to the objects of each resource, so that a page has a bounded size in bytes."""

from typing import Any, NamedTuple

from epochal_operator.runtime.resource import Resource

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


class Page(NamedTuple):
    """A page of a list. All pages of a list have the same resourceVersion.

    Args:
        items: The objects.
        resource_version: The resourceVersion of the list.
        following: The `continue` token of the next page; empty on the last page.
    """

    items: list[dict[str, Any]]
    resource_version: str
    following: str = ""


class PageSizes:
    """The page size of each resource, in objects."""

    def __init__(self) -> None:
        self._sizes: dict[Resource, int] = {}

    def of(self, resource: Resource) -> int:
        """Return the `limit` parameter for the next page of a resource.

        Args:
            resource: The listed resource.
        """
        return self._sizes.get(resource, FIRST_OBJECTS)

    def read(self, resource: Resource, limit: int, count: int, size: int) -> None:
        """Adapt the page size of a resource to a page that was read.

        Args:
            resource: The listed resource.
            limit: The `limit` parameter of the page.
            count: Number of objects in the page.
            size: Size of the page in bytes.
        """
        if count:
            fitting = PAGE_BYTES * count // max(1, size)
            self._sizes[resource] = max(1, min(fitting, GROWTH * limit, MAX_OBJECTS))

    def dropped(self, resource: Resource, limit: int) -> None:
        """Reduce the page size of a resource after a page exceeded MAX_PAGE_BYTES.

        Args:
            resource: The listed resource.
            limit: The `limit` parameter of the page.
        """
        self._sizes[resource] = max(1, limit // GROWTH)


def page_of(answer: dict[str, Any]) -> Page:
    """Return the page of a list response, and remove the objects from the response so that they can be freed."""
    metadata = answer["metadata"]
    return Page(answer.pop("items", None) or [], metadata["resourceVersion"], metadata.get("continue") or "")
