"""The watches of a fake API server: they send every change after a version, until that is too old."""

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
    """A running watch; `woken` is set after every change and every other event."""

    woken: asyncio.Event = field(default_factory=asyncio.Event)
    bookmark: bool = False
    over: bool = False


class Watches:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._watches: set[_Watch] = set()

    def __len__(self) -> int:
        return len(self._watches)

    def bookmark(self) -> None:
        """Sends a bookmark with the current version to the watches that allow bookmarks."""
        for watch in self._watches:
            watch.bookmark = True
            watch.woken.set()

    def cut(self) -> None:
        for watch in self._watches:
            watch.over = True
            watch.woken.set()

    async def stream(self, request: web.Request, resource: Resource, selector: Selector) -> web.StreamResponse:
        """Answers a watch request until the client ends it or its time is over."""
        query, watch = request.query, _Watch()
        stream = _EventStream(request, resource, self._objects.text)
        await stream.prepare(request)
        seconds = float(query.get("timeoutSeconds") or inf)
        self._watches.add(watch)
        self._objects.listeners.add(watch.woken.set)
        try:
            async with asyncio.timeout(None if seconds == inf else seconds):
                seen = int(query.get("resourceVersion") or 0)
                if not seen or query.get("sendInitialEvents") == "true":
                    seen = await self._send_all(stream, selector)
                while not watch.over:
                    watch.woken.clear()
                    seen = await self._send_changes(stream, selector, seen)
                    if watch.bookmark and query.get("allowWatchBookmarks") == "true":
                        await stream.bookmark(seen)
                    watch.bookmark = False
                    await watch.woken.wait()
        except Refusal as refusal:
            await stream.event("ERROR", refusal.as_status())
        except TimeoutError:
            pass
        finally:
            self._objects.listeners.discard(watch.woken.set)
            self._watches.discard(watch)
        return stream

    async def _send_all(self, stream: "_EventStream", selector: Selector) -> int:
        seen = self._objects.version
        for thing in self._objects.list(stream.resource.name, selector):
            await stream.event("ADDED", thing)
        if stream.asked.get("sendInitialEvents") == "true":
            await stream.bookmark(seen, {"k8s.io/initial-events-end": "true"})
        return seen

    async def _send_changes(self, stream: "_EventStream", selector: Selector, seen: int) -> int:
        for change in self._objects.since(seen):
            seen = change.version
            if change.resource == stream.resource.name and (event := change.watch_event(selector)):
                await stream.event(*event)
        return seen


class _EventStream(web.StreamResponse):
    """The event stream of a watch, one event a line."""

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
