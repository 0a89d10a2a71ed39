"""A pool of subprocesses that answer requests to the searcher.

A subprocess frees its memory when it exits, has a memory limit, and can be killed. With two subprocesses, a slow
request of an Experiment does not block other Experiments.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic

from epochal_operator.experiment.search.request import BATCH, IDLE_SECONDS, Request, Response
from epochal_operator.runtime.api.resource import Key

POOL_SIZE = 2
"""The number of subprocesses: each has the limit of memory.py, in addition to the operator's memory."""
TIMEOUT_SECONDS = 30.0
"""The timeout of a request."""
FAST_SECONDS = TIMEOUT_SECONDS / 4
"""Seconds: after a response within this time, a reduced batch size doubles."""
COMMAND = (sys.executable, "-m", "epochal_operator.experiment.search")
MAX_REQUESTS = 32
"""Number of requests after which a process is replaced. The import of Optuna takes two thirds of a short request, and
the limit keeps the memory of a process from growing.
"""
MAX_RESPONSE = 4 * 1024**2
"""Maximum bytes of a response: more than any valid response has."""
MAX_ERROR_TEXT = 1000
"""Maximum characters from the end of a process's error output in a message."""


class SearchFailed(Exception):
    """The searcher failed; the message contains the cause."""


class SearchTooSlow(SearchFailed):
    """The searcher exceeded the timeout; a request for fewer trials may succeed."""


class Searcher:
    """Sends requests to a subprocess. After its last allowed request, a new subprocess starts before the next request.

    The process is kept because requests often follow each other. An idle process exits by itself.

    Args:
        max_idle: Seconds after which an idle process gets no request, because it may exit at that moment.

    Attributes:
        process: The process that gets the next request; None if a new process must start.
    """

    def __init__(
        self,
        timeout: float = TIMEOUT_SECONDS,
        *,
        command: tuple[str, ...] = COMMAND,
        max_requests: int = MAX_REQUESTS,
        max_idle: float = IDLE_SECONDS / 2,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._timeout = timeout
        self._command = command
        self._max_requests = max_requests
        self._max_idle = max_idle
        self._clock = clock
        self.process: Process | None = None
        self._idle_since = 0.0
        self._requests = 0

    async def ask(self, request: Request) -> Response:
        """Return the response to a request.

        Raises:
            SearchTooSlow: If the process exceeds the timeout.
            SearchFailed: If the process fails.
        """
        is_usable = self.process is not None and self.process.returncode is None
        if is_usable and self._clock() - self._idle_since < self._max_idle:
            try:
                return await self._send(request)
            except SearchTooSlow:
                raise
            except SearchFailed:  # The idle process may have exited, so a new process gets the request.
                pass
        await self._restart()
        return await self._send(request)

    async def close(self) -> None:
        """Kill the idle process."""
        process, self.process = self.process, None
        await _kill(process)

    async def _send(self, request: Request) -> Response:
        """Send a request to the process, and return the response.

        After that, the process is kept for the next request, or replaced after its last allowed request. It is killed
        after an error.
        """
        process, self.process = self.process, None  # `close` must not end a process that answers.
        assert process is not None  # noqa: S101 - `ask` has started it
        try:
            async with asyncio.timeout(self._timeout):
                response = Response.model_validate_json(await _exchange(process, request))
        except TimeoutError:
            await _kill(process)
            size = f"{len(request.numbers)} suggestions with {len(request.known_trials)} known trials"
            raise SearchTooSlow(f"the searcher exceeded the timeout of {self._timeout:.0f} s for {size}") from None
        except ValueError as error:  # invalid JSON, or a line longer than MAX_RESPONSE
            await _kill(process)
            raise SearchFailed(f"the searcher returned an invalid response: {error}"[:MAX_ERROR_TEXT]) from None
        except BaseException:  # the process has failed, or the operator shuts down
            await _kill(process)
            raise
        self.process, self._idle_since, self._requests = process, self._clock(), self._requests + 1
        if self._requests >= self._max_requests:
            with suppress(SearchFailed):  # The response is valid, and the next request starts its own process.
                await self._restart()
        return response

    async def _restart(self) -> None:
        """Start a process in place of the previous process."""
        await self.close()
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=MAX_RESPONSE
            )
        except OSError as error:
            raise SearchFailed(f"cannot start the searcher process: {error.strerror}") from None
        self._idle_since, self._requests = self._clock(), 0


async def _exchange(process: Process, request: Request) -> bytes:
    """Write a request to a process, and return its response line."""
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None and stdout is not None and stderr is not None  # noqa: S101, PT018 - all are pipes
    with suppress(BrokenPipeError, ConnectionResetError):  # The process has exited; its error output has the cause.
        stdin.write(request.model_dump_json().encode() + b"\n")
        await stdin.drain()
    if (line := await stdout.readline()).endswith(b"\n"):
        return line
    errors = (await stderr.read()).decode(errors="replace").strip()[-MAX_ERROR_TEXT:]
    status = await process.wait()
    exit_status = f"signal {-status}" if status < 0 else f"exit status {status}"
    raise SearchFailed(f"the searcher process ended with {exit_status}: {errors or 'no error output'}")


async def _kill(process: Process | None) -> None:
    if process is not None and process.returncode is None:
        process.kill()
        await process.wait()


class SearcherPool:
    """Sends each request to a free searcher, preferably the last used, because its process still runs.

    Args:
        searchers: The searchers of the pool; None for POOL_SIZE of them.
    """

    def __init__(self, searchers: Sequence[Searcher] | None = None) -> None:
        self._searchers = searchers or [Searcher() for _ in range(POOL_SIZE)]
        self._free = asyncio.LifoQueue[Searcher]()
        for searcher in self._searchers:
            self._free.put_nowait(searcher)

    async def ask(self, request: Request) -> Response:
        """Return the response to a request; requests are answered in the order of arrival.

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


class BatchSizes:
    """The maximum number of trials in one request of each Experiment: smaller after slow requests.

    Only Experiments with slow requests have an entry; all others use `BATCH`.
    """

    def __init__(self) -> None:
        self._sizes: dict[Key, int] = {}

    def of(self, key: Key) -> int:
        """Return the maximum number of trials in one request."""
        return self._sizes.get(key, BATCH)

    def record_timeout(self, key: Key, count: int) -> bool:
        """Halve the batch size after a request that took too long, and return whether a smaller request is possible."""
        if count:
            self._sizes[key] = max(1, count // 2)
        return count > 1

    def record_response(self, key: Key, count: int, seconds: float) -> None:
        """Double a reduced batch size after a request of the full batch size that took at most FAST_SECONDS."""
        size = self._sizes.get(key)
        if size is None or count < size or seconds > FAST_SECONDS:
            return
        if size * 2 < BATCH:
            self._sizes[key] = size * 2
        else:
            del self._sizes[key]

    def forget(self, key: Key) -> None:
        """Forget the batch size of a deleted Experiment."""
        self._sizes.pop(key, None)
