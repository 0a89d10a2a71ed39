"""Asks for suggestions in a process of their own: what they are computed with takes memory while it is asked."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import NamedTuple

from epochal_operator.experiment.search.request import IDLE_SECONDS, Request, Response

SECONDS = 30.0
"""Longest that suggestions may take."""
COMMAND = (sys.executable, "-m", "epochal_operator.experiment.search")
QUESTIONS = 32
"""How many a process answers: two thirds of a short answer is to import Optuna, and none is to grow for long."""
MAX_ANSWER = 4 * 1024**2
"""Bytes of an answer, more than any has."""
MAX_WORDS = 1000
"""Characters of what a process says about its failure that are passed on: the last ones."""


class SearchFailed(Exception):
    """No suggestions came; the message says why."""


class SearchTooSlow(SearchFailed):
    """No suggestions came in time: fewer may."""


class Searcher:
    """Asks a process that has answered before, or the next one, which begins as soon as that has answered enough.

    Whoever has asked mostly asks again soon; a process that nobody asks ends by itself.

    Args:
        seconds: Longest that an answer may take.
        command: What answers.
        questions: How many a process answers.
        idle: Seconds after which a process that nobody has asked is not asked any more: before it ends by itself.
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
        """Returns what to try next.

        Args:
            request: What to suggest, and all that is known.

        Raises:
            SearchTooSlow: If the process takes too long.
            SearchFailed: If it fails.
        """
        if (ready := await self._ready()) is not None:
            try:
                return await self._ask(ready, request)
            except SearchTooSlow:
                raise
            except SearchFailed:  # It may have ended while nobody asked it: another one tells whether that is all.
                pass
        return await self._ask(await self._begun(), request)

    async def close(self) -> None:
        """Ends the process that would be asked next."""
        if self._next is not None:
            waiting, self._next = self._next, None
            await _end(waiting.process)

    async def _ask(self, waiting: "_Waiting", request: Request) -> Response:
        """Asks a process, and has it, or another one, wait for the next question."""
        answer = await _answer(waiting.process, request, self._seconds)
        answered = waiting.answered + 1
        if answered < self._questions:
            self._next = _Waiting(waiting.process, self._clock(), answered)
        else:
            await _end(waiting.process)
            with suppress(SearchFailed):  # There is an answer, and the next question begins a process of its own.
                self._next = await self._begun()
        return answer

    async def _begun(self) -> "_Waiting":
        return _Waiting(await _start(self._command), self._clock())

    async def _ready(self) -> "_Waiting | None":
        """Returns a process that waits to be asked, if there is one."""
        if self._next is None:
            return None
        waiting, self._next = self._next, None
        if waiting.process.returncode is None and self._clock() - waiting.since < self._idle:
            return waiting
        await _end(waiting.process)
        return None


class _Waiting(NamedTuple):
    """A process that waits for a question.

    Args:
        process: The process.
        since: When it began to wait, in seconds.
        answered: How many questions it has answered.
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
    """Returns the answer of a process, which ends if it gives none."""
    try:
        async with asyncio.timeout(seconds):
            return Response.model_validate_json(await _line(process, request))
    except TimeoutError:
        await _end(process)
        raise SearchTooSlow(f"the search took longer than {seconds:.0f} s for {_asked(request)}") from None
    except ValueError as error:  # no JSON of an answer, or too long for one
        await _end(process)
        raise SearchFailed(f"the search gave no answer that can be read: {error}"[:MAX_WORDS]) from None
    except BaseException:  # it has failed, or the operator ends
        await _end(process)
        raise


async def _line(process: Process, request: Request) -> bytes:
    """Asks a process, and returns what it answers: one line, as the question is."""
    given, told, words = process.stdin, process.stdout, process.stderr
    assert given is not None and told is not None and words is not None  # noqa: S101, PT018 - all are pipes
    with suppress(BrokenPipeError, ConnectionResetError):  # It has ended: its words say why.
        given.write(request.model_dump_json().encode() + b"\n")
        await given.drain()
    if (answer := await told.readline()).endswith(b"\n"):
        return answer
    said = (await words.read()).decode(errors="replace").strip()[-MAX_WORDS:]
    status = await process.wait()
    how = f"signal {-status}" if status < 0 else f"status {status}"
    raise SearchFailed(f"the search ended with {how}: {said or 'without a word'}")


async def _end(process: Process) -> None:
    """Ends a process, unless it has ended."""
    if process.returncode is None:
        process.kill()
        await process.wait()


def _asked(request: Request) -> str:
    return f"{len(request.trials)} suggestions with {len(request.known)} trials known"
