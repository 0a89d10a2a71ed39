"""The interfaces of a watch to its browsers, and to the parts that all watches share."""

import asyncio
from datetime import datetime
from typing import Any, Protocol

from epochal_studio.stream.api_server import ApiServer
from epochal_studio.stream.frames import RowKey
from epochal_studio.stream.turns import Turns
from epochal_studio.wire import RunSummary


class Listener(Protocol):
    """A browser that listens to a watch."""

    def changed(self, key: RowKey, row: bytes | None) -> None:
        """Queue a new row for the browser; None removes the row of a deleted run."""

    def status_changed(self) -> None:
        """Wake the stream, which then sends the new status of a watch."""


class Shared(Protocol):
    """The parts that all watches share."""

    api: ApiServer
    lists: asyncio.Semaphore
    large_objects: asyncio.Semaphore
    large_lines: asyncio.Semaphore
    turns: Turns

    def summarize(self, found: dict[str, Any], now: datetime) -> RunSummary:
        """Return the row of an object."""

    def reserve_row(self, owner: str) -> bool:
        """Return whether one more row fits into the memory and the share of its owner, and count it."""

    def free_rows(self, owner: str, number: int) -> None:
        """Count fewer rows of an owner."""
