"""Lists of objects, page by page."""

from collections.abc import Iterator, Mapping
from typing import Any

from epochal.client.failures import GONE, AnswerTooLarge, ApiError
from epochal.client.kinds import Kind, checked_name
from epochal.client.transport import Transport

PAGE = 500
"""Maximum number of objects in one answer to a list request. Further requests return the other objects."""
_SHRINK = 4
"""Divisor of the number of objects in a page, after an answer with too many bytes. The smallest page has one object."""
_RELISTS = 3


def list_all(
    transport: Transport,
    kind: Kind,
    namespace: str,
    query: Mapping[str, str],
    most: int = 0,
    *,
    page: int = PAGE,
    accept: str = "application/json",
) -> tuple[list[dict[str, Any]], str]:
    """Return the objects of a kind, and the resourceVersion of the list. An expired list is read again.

    Args:
        transport: Sends the requests.
        kind: The kind.
        namespace: Their namespace; "" for all namespaces.
        query: Label and field selectors.
        most: Maximum number of objects; 0 for all.
        page: Maximum number of objects in one answer.
        accept: Media type of the answers.
    """
    # Items of the API server's own kinds do not have their kind.
    about = {"apiVersion": kind.api_version, "kind": kind.name}

    def read() -> tuple[list[dict[str, Any]], str]:
        items: list[dict[str, Any]] = []
        version = ""
        limit = min(page, most) if most else page
        for answer in pages(transport, kind, namespace, query, page=limit, accept=accept):
            items += [{**about, **item} for item in answer.get("items") or []]
            version = str((answer.get("metadata") or {}).get("resourceVersion") or "")
            if 0 < most <= len(items):
                break
        return items[: most or None], version

    for attempt in range(_RELISTS):
        try:
            return read()
        except ApiError as error:
            # The pages of a list expire after some minutes.
            if error.status != GONE or attempt == _RELISTS - 1:
                raise
    raise AssertionError


def selectors(kind: Kind, selector: str, name: str) -> dict[str, str]:
    """Return the query parameters of a list or watch that select objects by labels, by name, or by both."""
    query = {"labelSelector": selector} if selector else {}
    return query | ({"fieldSelector": f"metadata.name={checked_name(kind.name, name)}"} if name else {})


def describe(verb: str, kind: Kind, namespace: str, name: str = "") -> str:
    """Return the text for a request in messages, such as `get TrainingJob vision/mnist`."""
    if name:
        return f"{verb} {kind.name} {namespace}/{name}" if namespace else f"{verb} {kind.name} {name}"
    return f"{verb} {kind.plural}{f' of namespace {namespace}' if namespace else ''}"


def pages(
    transport: Transport,
    kind: Kind,
    namespace: str,
    query: Mapping[str, str],
    *,
    page: int = PAGE,
    accept: str = "application/json",
) -> Iterator[dict[str, Any]]:
    """Yield the API server's answers to list requests for a kind, one for each page.

    Args:
        transport: Sends the requests.
        kind: The kind.
        namespace: Namespace of the objects; "" for all namespaces.
        query: Label and field selectors.
        page: Maximum number of objects in one answer. A page with too many bytes is read again in smaller pages.
        accept: Media type of the answers.
    """
    action, more = describe("list", kind, namespace), ""
    while True:
        parameters: dict[str, str | int] = {**query, "limit": page, **({"continue": more} if more else {})}
        try:
            answer = transport.json(action, "GET", kind.url_path(namespace), parameters, accept=accept)
        except AnswerTooLarge:
            if page == 1:
                raise
            page = max(1, page // _SHRINK)
            continue
        yield answer
        if not (more := (answer.get("metadata") or {}).get("continue") or ""):
            return
