"""Responses of the API server for kopf: watch lines of bounded size, and lists without objects.

Kopf lists, then watches from the resourceVersion of its list. The operator makes its own lists. Their pages have a
bounded number of bytes, and an object that a list lacks was deleted. Kopf receives the resourceVersion of that list,
and no objects.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import aiohttp
from aiohttp.connector import Connection

from epochal_operator.runtime.reader import Reader, lines
from epochal_operator.runtime.resource import Resource

OK = 200


def answers(
    listed: Callable[[Resource, str | None], Awaitable[str]], resources: Iterable[Resource], reader: Reader
) -> type[aiohttp.ClientResponse]:
    """Return the response class of an aiohttp session for kopf.

    Args:
        listed: Lists a resource in a namespace (None for all namespaces) and returns the resourceVersion of the list.
        resources: The resources that kopf watches.
        reader: Parses watch lines and all other responses.
    """

    class Answer(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            await super().start(connection)
            if "watch" in self.url.query:
                self.content = _Lines(self.content, reader)  # type: ignore[assignment]
            return self

        async def json(self, **_: Any) -> Any:
            namespace = _namespace(self.url.path)
            resource = next((one for one in resources if self.url.path.endswith(one.path(namespace))), None)
            if resource is None or self.status != OK:
                return reader.read(await self.read())
            self.close()  # Skip the objects of the body: a single object may be large.
            return {"metadata": {"resourceVersion": await listed(resource, namespace)}, "items": []}

    return Answer


class _Lines:
    """The body of a watch response, split into lines.

    Args:
        content: The body of the response.
        reader: Folds large lines.
    """

    def __init__(self, content: aiohttp.StreamReader, reader: Reader) -> None:
        self._content = content
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield complete lines of the watch, each folded if it is large."""
        async for line in lines(self._content.iter_chunked(size)):
            yield self._reader.folded(line) + b"\n"


def _namespace(path: str) -> str | None:
    """Return the namespace in a list's URL path, or None. The path may start with a prefix of the API server."""
    parts = path.split("/")
    return parts[-2] if parts[-3:-2] == ["namespaces"] else None
