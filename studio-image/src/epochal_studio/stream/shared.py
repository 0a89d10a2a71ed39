"""The interfaces through which a watch uses its browsers (Listener), and the objects of all watches (Shared)."""

import asyncio
from datetime import datetime
from typing import Any, Protocol

from epochal_studio.stream.api_server import ApiServer
from epochal_studio.stream.frames import RowKey
from epochal_studio.stream.turns import Turns
from epochal_studio.wire.runs import RunSummary


class Listener(Protocol):
    """A browser that is subscribed to a watch."""

    def changed(self, key: RowKey, row: bytes | None) -> None:
        """Queue a changed row for the browser.

        Args:
            key: Key of the row.
            row: The JSON of its RunSummary; None if the run was deleted.
        """

    def status_changed(self) -> None:
        """Wake the browser's stream, because the status of a watch has changed."""


class Shared(Protocol):
    """The objects and limits that all watches share. Hub implements this interface."""

    api: ApiServer
    lists: asyncio.Semaphore
    large_objects: asyncio.Semaphore
    large_lines: asyncio.Semaphore
    turns: Turns

    def summarize(self, found: dict[str, Any], now: datetime) -> RunSummary:
        """Return the row of an object in the list of runs."""

    def reserve_row(self, owner: str) -> bool:
        """Count one more row of a user, and return True. Return False if a maximum number of rows is reached."""

    def free_rows(self, owner: str, number: int) -> None:
        """Reduce the number of rows of a user."""
