"""Runs blocking calls (requests to the API server and S3) in threads, with a deadline and maximum numbers of calls."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from epochal_studio.memory import Memory
from epochal_studio.problems import refuse, too_busy

MAX_THREADS = 24
MAX_CALLS = 96
"""Maximum calls of all users that run or wait. Further calls are refused."""
MAX_USER_CALLS = 12
"""Maximum calls of one user that run or wait. Further calls are refused. So other users still have free threads if this
user's calls hang."""
SIGN_IN = ""
"""Key of the calls that find the owner of a token. They have a common limit, because their owner is not known yet. No
owner has this key."""
MAX_SIGN_INS = 16
"""Maximum calls with the key SIGN_IN. Further calls are refused. So signed-in users still have free threads while a
program tries many tokens."""
DEADLINE_SECONDS = 40.0

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Runs blocking calls in threads.

    Python cannot stop a thread. After its deadline, a call still occupies its thread, and counts as running, until the
    timeouts of its requests end it.

    Args:
        max_threads: Maximum calls that run at the same time.
        max_calls: Maximum calls of all users that run or wait.
        max_user_calls: Maximum calls of one user that run or wait.

    Attributes:
        memory: Limits the memory of the calls and of their answers.
    """

    def __init__(
        self, max_threads: int = MAX_THREADS, max_calls: int = MAX_CALLS, max_user_calls: int = MAX_USER_CALLS
    ) -> None:
        self._executor = ThreadPoolExecutor(max_threads, thread_name_prefix="studio")
        self.memory = Memory()
        self._max_calls = max_calls
        self._max_user_calls = max_user_calls
        self._calls: Counter[str] = Counter()

    @property
    def calls(self) -> int:
        """Number of calls of all users that run or wait."""
        return self._calls.total()

    async def run(self, user: str, seconds: float, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Call a function in a thread, and return its result.

        Args:
            user: Key of the user; SIGN_IN if the user is not known yet. Two limits of each user apply: the number of
                calls, and the memory that the function reserves, see `Memory.reserve`.
            seconds: Maximum seconds until the result, including the wait for a thread.
            function: The function.
            args: Positional arguments of the function.
            options: Keyword arguments of the function.

        Raises:
            Refusal: 503, if too many calls run or wait, or if the function reserves too much memory. 504, after the
                deadline.
        """
        if self.calls >= self._max_calls:
            raise too_busy("Studio is busy with the requests of other users.")
        if user == SIGN_IN and self._calls[user] >= MAX_SIGN_INS:
            raise too_busy("Too many users sign in at this moment.")
        if user != SIGN_IN and self._calls[user] >= self._max_user_calls:
            raise too_busy(f"{self._max_user_calls} of your requests wait for answers already.")
        loop = asyncio.get_running_loop()
        self._calls[user] += 1
        try:
            running = self._executor.submit(self.memory.call, user, function, *args, **options)
        except RuntimeError:
            self._end(user)
            raise too_busy("Studio is shutting down.") from None
        running.add_done_callback(lambda done: self._end_soon(loop, user, done))
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(running, loop=loop)
        except TimeoutError:
            raise refuse(
                504,
                "Unreachable",
                f"The cluster or the storage has not answered within {seconds:g} s.",
                "Try again. If it fails again, ask an administrator of the cluster.",
            ) from None

    def close(self) -> None:
        """Cancel waiting calls, and accept no new calls. Running calls end by their timeouts, or with the process."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _end_soon(self, loop: asyncio.AbstractEventLoop, user: str, _done: "Future[T]") -> None:
        with suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(self._end, user)

    def _end(self, user: str) -> None:
        self._calls[user] -= 1
        if not self._calls[user]:
            del self._calls[user]
