"""Run the searcher in a subprocess, which frees its memory when it exits."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import NamedTuple

from epochal_operator.experiment.search.request import IDLE_SECONDS, Request, Response

SECONDS = 30.0
"""The timeout of a request in seconds."""
COMMAND = (sys.executable, "-m", "epochal_operator.experiment.search")
QUESTIONS = 32
"""Requests per process. The import of Optuna takes two thirds of a short request, and the limit keeps the memory of a
process from growing.
"""
MAX_ANSWER = 4 * 1024**2
"""The most bytes of a response: larger than any valid response."""
MAX_WORDS = 1000
"""Characters of the error output of a process that a message contains: the last ones."""


class SearchFailed(Exception):
    """The searcher failed; the message contains the cause."""


class SearchTooSlow(SearchFailed):
    """The searcher exceeded the timeout; a request for fewer trials may succeed."""


class Searcher:
    """Sends requests to a subprocess, which is replaced in advance after its last request.

    The process is kept because requests often follow each other. An idle process exits by itself.

    Args:
        seconds: The timeout of a request.
        command: The command of the subprocess.
        questions: The number of requests per process.
        idle: Seconds after which an idle process gets no request, because it may exit at that moment.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        seconds: float = SECONDS,
        *,
        command: tuple[str, ...] = COMMAND,
        questions: int = QUESTIONS,
        idle: float = IDLE_SECONDS / 2,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._seconds = seconds
        self._command = command
        self._questions = questions
        self._idle = idle
        self._clock = clock
        self._next: _Waiting | None = None

    async def ask(self, request: Request) -> Response:
        """Return the response to a request.

        Args:
            request: The trials to suggest, and all existing trials.

        Raises:
            SearchTooSlow: If the process exceeds the timeout.
            SearchFailed: If the process fails.
        """
        if (ready := await self._ready()) is not None:
            try:
                return await self._ask(ready, request)
            except SearchTooSlow:
                raise
            except SearchFailed:  # The idle process may have exited, so a new process gets the request.
                pass
        return await self._ask(await self._begun(), request)

    async def close(self) -> None:
        """Kill the idle process."""
        if self._next is not None:
            waiting, self._next = self._next, None
            await _end(waiting.process)

    async def _ask(self, waiting: "_Waiting", request: Request) -> Response:
        """Send a request to a process, and keep it or a new process for the next request."""
        answer = await _answer(waiting.process, request, self._seconds)
        answered = waiting.answered + 1
        if answered < self._questions:
            self._next = _Waiting(waiting.process, self._clock(), answered)
        else:
            await _end(waiting.process)
            with suppress(SearchFailed):  # The response is valid, and the next request starts its own process.
                self._next = await self._begun()
        return answer

    async def _begun(self) -> "_Waiting":
        return _Waiting(await _start(self._command), self._clock())

    async def _ready(self) -> "_Waiting | None":
        """Return the idle process if it is still usable, or None."""
        if self._next is None:
            return None
        waiting, self._next = self._next, None
        if waiting.process.returncode is None and self._clock() - waiting.since < self._idle:
            return waiting
        await _end(waiting.process)
        return None


class _Waiting(NamedTuple):
    """An idle process, ready for a request.

    Args:
        process: The process.
        since: The time since which it is idle, in seconds.
        answered: The number of requests that it has answered.
    """

    process: Process
    since: float
    answered: int = 0


async def _start(command: tuple[str, ...]) -> Process:
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, limit=MAX_ANSWER)
    except OSError as error:
        raise SearchFailed(f"no process can be begun for the search: {error.strerror}") from None


async def _answer(process: Process, request: Request, seconds: float) -> Response:
    """Return the response of a process, or kill the process after an error."""
    try:
        async with asyncio.timeout(seconds):
            return Response.model_validate_json(await _line(process, request))
    except TimeoutError:
        await _end(process)
        raise SearchTooSlow(f"the search took longer than {seconds:.0f} s for {_asked(request)}") from None
    except ValueError as error:  # invalid JSON, or a line longer than MAX_ANSWER
        await _end(process)
        raise SearchFailed(f"the search gave no answer that can be read: {error}"[:MAX_WORDS]) from None
    except BaseException:  # the process has failed, or the operator shuts down
        await _end(process)
        raise


async def _line(process: Process, request: Request) -> bytes:
    """Write a request to a process, and return its response line."""
    given, told, words = process.stdin, process.stdout, process.stderr
    assert given is not None and told is not None and words is not None  # noqa: S101, PT018 - all are pipes
    with suppress(BrokenPipeError, ConnectionResetError):  # The process has exited; its error output has the cause.
        given.write(request.model_dump_json().encode() + b"\n")
        await given.drain()
    if (answer := await told.readline()).endswith(b"\n"):
        return answer
    said = (await words.read()).decode(errors="replace").strip()[-MAX_WORDS:]
    status = await process.wait()
    how = f"signal {-status}" if status < 0 else f"status {status}"
    raise SearchFailed(f"the search ended with {how}: {said or 'without a word'}")


async def _end(process: Process) -> None:
    """Kill a process, unless it has exited."""
    if process.returncode is None:
        process.kill()
        await process.wait()


def _asked(request: Request) -> str:
    return f"{len(request.trials)} suggestions with {len(request.known)} trials known"
