"""What kopf reads of the API server: within bounds, and the objects of its lists go by another way.

Kopf lists, then watches from the version of its list. A list tells by what it lacks, too, which no event does; so its
pages are handed on as they are, and kopf goes on as from an empty one: nothing has to be listed again for that.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp
from aiohttp.connector import Connection

from epochal_operator.runtime.kube import Page
from epochal_operator.runtime.reader import folded, lines, read


class Part(NamedTuple):
    """A page of a list.

    Args:
        plural: What is listed, such as pods.
        namespace: The namespace that they are all objects of; None for all namespaces.
        page: The page.
        first: Whether the list begins with it.
        last: Whether the list ends with it.
    """

    plural: str
    namespace: str | None
    page: Page
    first: bool
    last: bool


def answers(listed: Callable[[Part], Awaitable[object]], plurals: frozenset[str]) -> type[aiohttp.ClientResponse]:
    """Returns the class of the answers of an aiohttp session for kopf.

    Args:
        listed: Takes each page of a list.
        plurals: Of what.
    """
    one_page = asyncio.Lock()  # that of the largest objects there can be takes a good part of the memory

    class Answer(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            await super().start(connection)
            if "watch" in self.url.query:
                self.content = _Lines(self.content)  # type: ignore[assignment]
            return self

        async def json(self, **_: Any) -> Any:
            plural, namespace = _listed(self.url.path)
            if plural not in plurals:
                return read(await self.read())
            async with one_page:
                answer = read(await self.content.read())  # read() would keep the text as long as the answer
            if "items" not in answer:
                return answer
            metadata = answer["metadata"]
            page = Page(answer["items"] or [], metadata["resourceVersion"])
            more = bool(metadata.get("continue"))
            await listed(Part(plural, namespace, page, first="continue" not in self.url.query, last=not more))
            return answer | {"items": []}

    return Answer


class _Lines:
    """The body of a watch, a line at a time.

    Args:
        content: The body.
    """

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yields whole lines."""
        async for line in lines(self._content.iter_chunked(size)):
            yield folded(line) + b"\n"


def _listed(path: str) -> tuple[str, str | None]:
    """Returns the plural at the end of a path, and the namespace in it."""
    *parts, plural = path.split("/")
    namespace = parts[-1] if parts[-2:-1] == ["namespaces"] else None
    return plural, namespace
