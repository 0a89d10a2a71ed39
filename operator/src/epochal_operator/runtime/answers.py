"""What kopf reads of the API server: within bounds, and the objects of its lists go by another way.

Kopf lists, then watches from the version of its list. A list tells by what it lacks, too, which no event does; so its
pages are handed on as they are, and kopf goes on as from an empty one: nothing has to be listed again for that.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import aiohttp
from aiohttp.connector import Connection

from epochal_operator.runtime.pages import Page, page_of
from epochal_operator.runtime.reader import Reader, lines
from epochal_operator.runtime.resource import Resource


class Part(NamedTuple):
    """A page of a list.

    Args:
        resource: What is listed.
        namespace: The namespace that they are all objects of; None for all namespaces.
        page: The page.
        first: Whether the list begins with it.
        last: Whether the list ends with it.
    """

    resource: Resource
    namespace: str | None
    page: Page
    first: bool
    last: bool


def answers(
    listed: Callable[[Part], Awaitable[object]], resources: Iterable[Resource], one_page: asyncio.Lock, reader: Reader
) -> type[aiohttp.ClientResponse]:
    """Returns the class of the answers of an aiohttp session for kopf.

    Args:
        listed: Takes each page of a list.
        resources: Of what.
        one_page: Held while a page is read: see `Kube`, whose own belongs to another event loop.
        reader: Reads them.
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
            if resource is None:
                return reader.read(await self.read())
            async with one_page:
                answer = reader.read(await self.content.read())  # read() would keep the text as long as the answer
            if "items" not in answer:
                return answer
            page, first = page_of(answer), "continue" not in self.url.query
            await listed(Part(resource, namespace, page, first=first, last=not page.following))
            return answer | {"items": []}

    return Answer


class _Lines:
    """The body of a watch, a line at a time.

    Args:
        content: The body.
        reader: Reads the lines that are large.
    """

    def __init__(self, content: aiohttp.StreamReader, reader: Reader) -> None:
        self._content = content
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yields whole lines."""
        async for line in lines(self._content.iter_chunked(size)):
            yield self._reader.folded(line) + b"\n"


def _namespace(path: str) -> str | None:
    """Returns the namespace in the path of a list, if it is of one; the API server's own path may come before."""
    parts = path.split("/")
    return parts[-2] if parts[-3:-2] == ["namespaces"] else None
