"""Asks for suggestions in a few processes at a time: an Experiment whose question takes long holds up no other one."""

import asyncio
from collections.abc import Sequence

from epochal_operator.experiment.search.child import Searcher
from epochal_operator.experiment.search.request import Request, Response

LANES = 2
"""Processes that are asked at a time: each may have MAX_MEMORY, beside the operator's own."""


class Lanes:
    """Asks whoever is free, and of those who has answered last, whose process still runs.

    Args:
        searchers: Who is asked.
    """

    def __init__(self, searchers: Sequence[Searcher]) -> None:
        self._searchers = searchers
        self._free = asyncio.LifoQueue[Searcher]()
        for searcher in searchers:
            self._free.put_nowait(searcher)

    async def ask(self, request: Request) -> Response:
        """Returns what to try next; who comes first is answered first.

        Args:
            request: What to suggest, and all that is known.

        Raises:
            SearchTooSlow: If the process takes too long.
            SearchFailed: If it fails.
        """
        searcher = await self._free.get()
        try:
            return await searcher.ask(request)
        finally:
            self._free.put_nowait(searcher)

    async def close(self) -> None:
        """Ends the processes that would be asked next."""
        for searcher in self._searchers:
            await searcher.close()
