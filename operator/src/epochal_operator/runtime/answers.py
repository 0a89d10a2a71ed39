"""The API server's answers that kopf reads: bounded lines of a watch, and no objects of a list.

Kopf lists, then watches from the version of its list. The operator lists by itself: its pages have bounded bytes, and a
list tells by what it lacks, too, which no event does. Kopf gets the version of that list, and no objects.
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
    """Returns the class of the answers of an aiohttp session for kopf.

    Args:
        listed: Lists a resource in a namespace, or in all for None, and returns the resourceVersion of the list.
        resources: The resources that kopf watches.
        reader: Reads the lines of watches, and all other answers.
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
            self.close()  # Its objects are not read: a single object may be large.
            return {"metadata": {"resourceVersion": await listed(resource, namespace)}, "items": []}

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
