"""Run a pool of searchers, so that a slow request of an Experiment does not block other Experiments."""

import asyncio
from collections.abc import Sequence

from epochal_operator.experiment.search.child import Searcher
from epochal_operator.experiment.search.request import Request, Response

LANES = 2
"""The size of the pool: each process may use MAX_MEMORY in addition to the operator's memory."""


class Lanes:
    """Sends requests to a free searcher, preferably the last used, because its process still runs.

    Args:
        searchers: The searchers of the pool.
    """

    def __init__(self, searchers: Sequence[Searcher]) -> None:
        self._searchers = searchers
        self._free = asyncio.LifoQueue[Searcher]()
        for searcher in searchers:
            self._free.put_nowait(searcher)

    async def ask(self, request: Request) -> Response:
        """Return the response to a request; requests are answered in the order of arrival.

        Args:
            request: The trials to suggest, and all existing trials.

        Raises:
            SearchTooSlow: If the process exceeds the timeout.
            SearchFailed: If the process fails.
        """
        searcher = await self._free.get()
        try:
            return await searcher.ask(request)
        finally:
            self._free.put_nowait(searcher)

    async def close(self) -> None:
        """Kill the idle processes."""
        for searcher in self._searchers:
            await searcher.close()
