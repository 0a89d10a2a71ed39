"""The watches of a fake API server: they tell of every change after a version, until that is too old."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from aiohttp import web

from tests.kit.fake.fields import Object
from tests.kit.fake.objects import Objects, Refusal
from tests.kit.fake.resources import Resource, Selector


@dataclass(eq=False)
class _Watch:
    """One that is under way; `woken` is set after every change and whenever there is something else to tell."""

    woken: asyncio.Event = field(default_factory=asyncio.Event)
    bookmark: bool = False
    over: bool = False


class Watches:
    """All watches.

    Args:
        objects: What they tell of.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._watches: set[_Watch] = set()

    def __len__(self) -> int:
        return len(self._watches)

    def bookmark(self) -> None:
        """Tells those that wish it of the version that they have reached."""
        for watch in self._watches:
            watch.bookmark = True
            watch.woken.set()

    def cut(self) -> None:
        """Ends all."""
        for watch in self._watches:
            watch.over = True
            watch.woken.set()

    async def stream(self, request: web.Request, resource: Resource, selector: Selector) -> web.StreamResponse:
        """Answers a request to watch objects, until somebody or its time ends it."""
        query, watch = request.query, _Watch()
        told = _Told(request, resource, self._objects.text)
        await told.prepare(request)
        seconds = float(query.get("timeoutSeconds") or inf)
        self._watches.add(watch)
        self._objects.listeners.add(watch.woken.set)
        try:
            async with asyncio.timeout(None if seconds == inf else seconds):
                seen = int(query.get("resourceVersion") or 0)
                if not seen or query.get("sendInitialEvents") == "true":
                    seen = await self._tell_all(told, selector)
                while not watch.over:
                    watch.woken.clear()
                    seen = await self._tell_changes(told, selector, seen)
                    if watch.bookmark and query.get("allowWatchBookmarks") == "true":
                        await told.bookmark(seen)
                    watch.bookmark = False
                    await watch.woken.wait()
        except Refusal as refusal:
            await told.event("ERROR", refusal.told())
        except TimeoutError:
            pass
        finally:
            self._objects.listeners.discard(watch.woken.set)
            self._watches.discard(watch)
        return told

    async def _tell_all(self, told: "_Told", selector: Selector) -> int:
        seen = self._objects.version
        for thing in self._objects.list(told.resource.name, selector):
            await told.event("ADDED", thing)
        if told.asked.get("sendInitialEvents") == "true":
            await told.bookmark(seen, {"k8s.io/initial-events-end": "true"})
        return seen

    async def _tell_changes(self, told: "_Told", selector: Selector, seen: int) -> int:
        for change in self._objects.since(seen):
            seen = change.version
            if change.resource == told.resource.name and (event := change.told(selector)):
                await told.event(*event)
        return seen


class _Told(web.StreamResponse):
    """What a watch is told, an event a line."""

    def __init__(self, request: web.Request, resource: Resource, text: Callable[[Object], str]) -> None:
        super().__init__(headers={"Content-Type": "application/json"})
        self._text = text
        self.asked = request.query
        self.resource = resource

    async def event(self, kind: str, thing: Object) -> None:
        await self.write(self._text({"type": kind, "object": thing}).encode() + b"\n")

    async def bookmark(self, version: int, annotations: dict[str, str] | None = None) -> None:
        metadata = {"resourceVersion": str(version)} | ({"annotations": annotations} if annotations else {})
        about = {"apiVersion": self.resource.api_version, "kind": self.resource.kind}
        await self.event("BOOKMARK", about | {"metadata": metadata})
