"""Pages: a list comes in parts, since all of its objects at once would be too much."""

from typing import Any, NamedTuple

PAGE = 8
"""Objects per request of a list: a page is in memory as a whole, twice for a moment, one of ours and one of kopf's.
etcd takes 1.5 MiB of each, and where that is a <, JSON has six bytes for it."""


class Page(NamedTuple):
    """Some objects of a resource, as they were at one version of the store that is the same for all pages of a list.

    Args:
        items: The objects.
        resource_version: The version.
        following: What asks for the next page, or an empty string if there is none.
    """

    items: list[dict[str, Any]]
    resource_version: str
    following: str = ""


def page_of(answer: dict[str, Any]) -> Page:
    """Takes the objects out of the answer to a list: whoever leaves the page leaves them."""
    metadata = answer["metadata"]
    return Page(answer.pop("items", None) or [], metadata["resourceVersion"], metadata.get("continue") or "")
