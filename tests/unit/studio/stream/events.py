"""A browser that reads a stream of server-sent events."""

import asyncio
import json
from typing import Any

from aiohttp import ClientResponse


class Browser:
    """Reads the events of an answer.

    Args:
        answer: The answer to GET /api/stream.

    Attributes:
        runs: The runs by name, as a page keeps them.
        connection: The last state of the connection.
        frames: Number of frames with runs.
    """

    def __init__(self, answer: ClientResponse) -> None:
        self._answer = answer
        self.runs: dict[str, dict[str, Any]] = {}
        self.connection: dict[str, Any] = {"isConnected": True, "kinds": [], "problem": None}
        self.frames = 0
        self._named: set[str] = set()
        self.complete = 0

    async def event(self, seconds: float = 60) -> tuple[str, Any]:
        """Return the next event, or the name "comment", and apply it."""
        name, document = "comment", None
        async with asyncio.timeout(seconds):
            while line := (await self._answer.content.readline()).decode():
                field, _, value = line.rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    document = json.loads(value)
                    self._apply(name, document)
                elif not field and line == "\n":
                    return name, document
        raise EOFError

    async def until(self, condition: Any, seconds: float = 60) -> None:
        """Read events until a condition is true."""
        async with asyncio.timeout(seconds):
            while not condition(self):
                await self.event()

    def _apply(self, name: str, document: dict[str, Any]) -> None:
        if name == "connection":
            self.connection = document
            return
        self.frames += 1
        if document["isFirst"]:
            self._named = set()
        for run in document["changed"]:
            self.runs[run["name"]] = run
            self._named.add(run["name"])
        for key in document["removed"]:
            self.runs.pop(key["name"], None)
        if document["isComplete"]:
            self.complete += 1
            self.runs = {name: run for name, run in self.runs.items() if name in self._named}
