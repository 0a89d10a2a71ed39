"""Runs child.py for an import or export, with a deadline, and returns its result."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from shutil import rmtree
from subprocess import DEVNULL, PIPE
from tempfile import TemporaryDirectory, gettempdir
from typing import TypeVar

from epochal_api.model import Model

from epochal_studio.conversion.child import OUT_OF_MEMORY, REFUSED
from epochal_studio.problems import Refusal, refuse
from epochal_studio.wire.common import Problem

SECONDS = 40.0
"""Maximum seconds of a child process. Then it is killed, and the request fails."""
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
"""Environment variables of the child process. Each thread of OpenBLAS would need a part of its address space."""
_MAX_TRACE = 4000
_PREFIX = "epochal-studio-conversion-"

M = TypeVar("M", bound=Model)

log = logging.getLogger(__name__)


async def convert(
    places: asyncio.Semaphore,
    model: type[M],
    action: str,
    name: str,
    content: AsyncIterator[bytes | bytearray],
    *options: str,
) -> M:
    """Store a file, run child.py on the file, and return the result.

    Args:
        places: Limits the child processes that run at the same time. It is acquired after the file is stored, so a
            slow browser blocks no other conversion.
        model: The type of the result: Imported or Exported.
        action: The action of child.py: import or export.
        name: Name of the file.
        content: The chunks of the file's content.
        options: Further arguments of child.py.

    Raises:
        Refusal: 422, if child.py refuses the file, or exceeds its limits of time or memory; 500, if child.py crashes.
    """
    with _folder() as folder:
        path = folder / name
        with path.open("wb") as file:  # a thread would leave it open for a browser that leaves
            async for part in content:
                file.write(part)
        async with places:
            code, output, errors = await _run(action, str(path), *options)
    if code == 0:
        return model.model_validate_json(output)
    if code == REFUSED:
        raise Refusal(422, Problem.model_validate_json(output))
    if code in {OUT_OF_MEMORY, -signal.SIGKILL}:
        raise _too_large(action, "needs more memory than Studio has for it")
    if code == -signal.SIGXCPU:
        raise _too_large(action, "needs more time than Studio has for it")
    log.error("the %s has ended with exit code %s: %s", action, code, errors.decode(errors="replace")[-_MAX_TRACE:])
    remedy = f"Use the command on your computer: epochal {action}. Report this bug with the log of Studio."
    raise refuse(500, "Internal", f"The {action} has failed because of a bug in Studio.", remedy)


def remove_leftovers() -> None:
    """Remove the temporary folders of conversions that no running process has locked. A killed Studio leaves them."""
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), _locked(folder):
            rmtree(folder)


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix=_PREFIX) as name, _locked(Path(name)):
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder until the end of the block or of the process.

    Raises:
        OSError: If another process has the lock, or the folder cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        yield
    finally:
        os.close(descriptor)


async def _run(*arguments: str) -> tuple[int | None, bytes, bytes]:
    command = (sys.executable, "-m", "epochal_studio.conversion.child", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=os.environ | _ENVIRONMENT
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, errors = await process.communicate()
    except TimeoutError:
        raise _too_large(arguments[0], f"takes more than {SECONDS:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()  # Its place and its pipe stay taken until it has ended.
    return process.returncode, output, errors


def _too_large(action: str, found: str) -> Refusal:
    return refuse(422, "TooLarge", f"The {action} {found}.", f"Use the command on your computer: epochal {action}.")
