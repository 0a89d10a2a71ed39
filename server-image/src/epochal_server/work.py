"""Does what would hold up others in threads, as many at a time as there are CPUs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

from epochal_server.intake import Intake

P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    """See service.Work.

    Args:
        pool: The threads.
        intake: How many may wait.
    """

    def __init__(self, pool: Executor, intake: Intake) -> None:
        self._pool = pool
        self._intake = intake

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """See service.Work."""
        with self._intake.waits():
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))
