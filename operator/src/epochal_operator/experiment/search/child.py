"""Asks for suggestions in a process of their own: what they are computed with takes memory for no longer than that."""

import asyncio
import os
import sys

from pydantic import ValidationError

from epochal_operator.experiment.search.request import Request, Response

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


async def ask(request: Request, seconds: float = SECONDS, *, command: tuple[str, ...] = COMMAND) -> Response:
    """Returns what to try next.

    Args:
        request: What to suggest, and all that is known.
        seconds: Longest that it may take.
        command: What answers.

    Raises:
        SearchTooSlow: If the process takes too long.
        SearchFailed: If it fails.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=os.environ | _ONE_THREAD
    )
    try:
        async with asyncio.timeout(seconds):
            answer, words = await process.communicate(request.model_dump_json().encode())
    except TimeoutError:
        raise SearchTooSlow(f"the search took longer than {seconds:.0f} s for {_asked(request)}") from None
    finally:
        if process.returncode is None:  # it took too long, or the operator ends
            process.kill()
            await process.wait()
    said = words.decode(errors="replace").strip()[-MAX_WORDS:]
    if process.returncode:
        how = f"signal {-process.returncode}" if process.returncode < 0 else f"status {process.returncode}"
        raise SearchFailed(f"the search ended with {how}: {said or 'without a word'}")
    try:
        return Response.model_validate_json(answer)
    except ValidationError as error:
        raise SearchFailed(f"the search gave no answer that can be read: {error}"[:MAX_WORDS]) from None


def _asked(request: Request) -> str:
    return f"{len(request.trials)} suggestions with {len(request.known)} trials known"
