"""Asks for suggestions in a process of their own: what they are computed with takes memory for no longer than that."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from pydantic import ValidationError

from epochal_operator.experiment.search.request import IDLE_SECONDS, Request, Response

SECONDS = 30.0
"""Longest that suggestions may take."""
COMMAND = (sys.executable, "-m", "epochal_operator.experiment.search")
MAX_WORDS = 1000
"""Characters of what a process says about its failure that are passed on: the last ones."""
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class SearchFailed(Exception):
    """No suggestions came; the message says why."""


class SearchTooSlow(SearchFailed):
    """No suggestions came in time: fewer may."""


class Searcher:
    """Asks one process per question, and has the next one begin meanwhile: most of a short answer is to import Optuna.

    Whoever has asked mostly asks again soon; a process that nobody asks ends by itself.

    Args:
        seconds: Longest that an answer may take.
        command: What answers.
        idle: Seconds after which a process that nobody has asked is not asked any more: before it ends by itself.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        seconds: float = SECONDS,
        *,
        command: tuple[str, ...] = COMMAND,
        idle: float = IDLE_SECONDS / 2,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._seconds = seconds
        self._command = command
        self._idle = idle
        self._clock = clock
        self._next: tuple[Process, float] | None = None

    async def ask(self, request: Request) -> Response:
        """Returns what to try next.

        Args:
            request: What to suggest, and all that is known.

        Raises:
            SearchTooSlow: If the process takes too long.
            SearchFailed: If it fails.
        """
        answer: Response | None = None
        if (ready := await self._ready()) is not None:
            try:
                answer = await _answer(ready, request, self._seconds)
            except SearchTooSlow:
                raise
            except SearchFailed:  # It may have ended while nobody asked it: another one tells whether that is all.
                pass
        if answer is None:
            answer = await ask(request, self._seconds, command=self._command)
        with suppress(SearchFailed):  # There is an answer, and the next question begins a process of its own.
            self._next = await _start(self._command), self._clock()
        return answer

    async def close(self) -> None:
        """Ends the process that would be asked next."""
        if self._next is not None:
            (process, _), self._next = self._next, None
            await _end(process)

    async def _ready(self) -> Process | None:
        """Returns a process that waits to be asked, if there is one."""
        if self._next is None:
            return None
        (process, began), self._next = self._next, None
        if process.returncode is None and self._clock() - began < self._idle:
            return process
        await _end(process)
        return None


async def ask(request: Request, seconds: float = SECONDS, *, command: tuple[str, ...] = COMMAND) -> Response:
    """Returns what to try next, by a process that is begun for it.

    Args:
        request: What to suggest, and all that is known.
        seconds: Longest that it may take.
        command: What answers.

    Raises:
        SearchTooSlow: If the process takes too long.
        SearchFailed: If it fails.
    """
    return await _answer(await _start(command), request, seconds)


async def _start(command: tuple[str, ...]) -> Process:
    pipe = asyncio.subprocess.PIPE
    environment = os.environ | _ONE_THREAD
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
    except OSError as error:
        raise SearchFailed(f"no process can be begun for the search: {error.strerror}") from None


async def _answer(process: Process, request: Request, seconds: float) -> Response:
    try:
        async with asyncio.timeout(seconds):
            answer, words = await process.communicate(request.model_dump_json().encode())
    except TimeoutError:
        raise SearchTooSlow(f"the search took longer than {seconds:.0f} s for {_asked(request)}") from None
    finally:
        await _end(process)  # it took too long, or the operator ends
    said = words.decode(errors="replace").strip()[-MAX_WORDS:]
    if process.returncode:
        how = f"signal {-process.returncode}" if process.returncode < 0 else f"status {process.returncode}"
        raise SearchFailed(f"the search ended with {how}: {said or 'without a word'}")
    try:
        return Response.model_validate_json(answer)
    except ValidationError as error:
        raise SearchFailed(f"the search gave no answer that can be read: {error}"[:MAX_WORDS]) from None


async def _end(process: Process) -> None:
    """Ends a process, unless it has ended."""
    if process.returncode is None:
        process.kill()
        await process.wait()


def _asked(request: Request) -> str:
    return f"{len(request.trials)} suggestions with {len(request.known)} trials known"
