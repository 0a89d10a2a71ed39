"""The server's side of the processes that build networks, one process for each question."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from epochal_api.checker import MAX_ANSWER_BYTES

from epochal_trainer.checker import forks
from epochal_trainer.checker.environment import zygote_environment
from epochal_trainer.checker.frames import exchange, receive, send_fork

START_SECONDS = 120.0
"""Maximum seconds until the zygote has imported Keras. Then it is restarted. A busy node needs many seconds."""
RESTART_SECONDS = 1.0
MAX_RESTART_SECONDS = 60.0
"""Maximum seconds between the end of the zygote and its restart. The pause doubles after each end until the zygote is
ready again."""
CONCURRENCY = 2
"""Maximum number of networks that are built at the same time: each may use `forks.LIMIT_BYTES` of memory."""
MAX_WAITING = 16
"""Maximum number of questions that wait for a process. Further questions are refused as Busy."""
MAX_KEPT = 4
"""Maximum number of processes that are kept after their answer, each with the layers that it built. With more, the
least recently used process is ended."""
_GRACE_SECONDS = 1.0
"""Seconds that the server waits beyond `forks.LIMIT_SECONDS`, in which the kernel kills the process."""
MAX_GREETING_BYTES = 16 * 2**20
"""Maximum bytes of the zygote's first message, the compressed catalogue."""

_log = logging.getLogger(__name__)


class NoAnswer(Exception):
    """The error for a question that the checker could not answer. `reason` is the cause in one word, such as Busy."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(eq=False)
class _Process:
    """A child process that builds networks, and the socket to it. The process ends when the socket is closed.

    Args:
        connection: The non-blocking socket.
        chain: Digests of the network that the process has built: for each layer, a digest of it and all layers before.
    """

    connection: socket.socket
    chain: Sequence[bytes] = ()

    def fork(self) -> "_Process":
        """Send the process the order to fork itself, and return the new process, which waits for its question.

        Raises:
            OSError: If the process has ended.
        """
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)  # noqa: FBT003 - the name of the argument is `flag`
            send_fork(self.connection, theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return _Process(ours)

    def close(self) -> None:
        """Close the connection, which ends the process."""
        self.connection.close()


class Builders:
    """Has each question answered by a forked process of its own, at most CONCURRENCY at a time."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "epochal_trainer.checker.zygote")) -> None:
        self._command = command
        self._zygote: _Process | None = None
        self._kept: list[_Process] = []  # the least recently used first
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._waiting = 0
        self._running: set[asyncio.Task[bytes]] = set()
        self.greeting = b""
        """The last zygote's first message: the catalogue as compressed JSON; empty until a zygote was ready."""

    @property
    def ready(self) -> bool:
        """Whether the zygote has imported Keras, so that questions can be answered."""
        return self._zygote is not None

    async def run(self) -> None:
        """Start the zygote, and restart it whenever it ends, until this coroutine is cancelled."""
        delay = RESTART_SECONDS
        while True:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)  # noqa: FBT003 - the name of the argument is `flag`
            with theirs:
                zygote = self._spawn(theirs)
            try:
                if await self._greet(ours):
                    self._zygote, delay = _Process(ours), RESTART_SECONDS
                    await asyncio.get_running_loop().sock_recv(ours, 1)
                _log.error("the zygote, the process with Keras, has ended: restarting it")
            finally:
                self._zygote = None
                ours.close()
                while self._kept:
                    self._forget(self._kept[0])
                zygote.kill()
                zygote.wait()
            await asyncio.sleep(delay)
            delay = min(2 * delay, MAX_RESTART_SECONDS)

    def _spawn(self, connection: socket.socket) -> "subprocess.Popen[bytes]":
        file = connection.fileno()
        return subprocess.Popen(
            [*self._command, str(file)],
            pass_fds=(file,),
            env=zygote_environment(os.environ),
            stdin=subprocess.DEVNULL,
        )

    async def _greet(self, connection: socket.socket) -> bool:
        """Wait for the zygote's first message, and store it. Return False after START_SECONDS or an error."""
        try:
            async with asyncio.timeout(START_SECONDS):
                greeting = await receive(connection, MAX_GREETING_BYTES)
        except (TimeoutError, ValueError, OSError) as error:
            _log.error("cannot import Keras: %s", str(error) or type(error).__name__)
            return False
        self.greeting = greeting or b""
        return greeting is not None

    async def answer(self, question: bytes, chain: Sequence[bytes]) -> bytes:
        """Return the answer to a question as JSON, from a forked process that builds the network.

        Args:
            question: The question, JSON.
            chain: For each layer, a digest of it and all layers before, from `layer_digests`.

        Raises:
            NoAnswer: With the reason Invalid, Busy, Starting, TimeLimit, MemoryLimit or Failed.
        """
        if self._waiting >= MAX_WAITING:
            raise NoAnswer("Busy", f"{self._waiting} questions are waiting: ask again later")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        # The caller may leave: the network is built nevertheless, and known if the question is asked again.
        task = asyncio.create_task(self._answer(question, chain))
        self._running.add(task)
        task.add_done_callback(self._release)
        return await asyncio.shield(task)

    def _release(self, task: asyncio.Task[bytes]) -> None:
        self._running.discard(task)
        self._slots.release()
        if not task.cancelled():
            task.exception()  # the caller may have left

    async def _answer(self, question: bytes, chain: Sequence[bytes]) -> bytes:
        process, base = self._fork(chain)
        begin = time.monotonic()
        try:
            async with asyncio.timeout(forks.LIMIT_SECONDS + _GRACE_SECONDS):
                answer = await exchange(process.connection, question, MAX_ANSWER_BYTES)
        except (TimeoutError, ValueError):
            answer = None
        except BaseException:
            process.close()
            raise
        kind, content = (answer[:1], answer[1:]) if answer else (b"", b"")
        if kind == forks.KEPT:
            process.chain = chain
            self._retain(process)
            return content
        process.close()
        if not kind and base is not self._zygote and base in self._kept:
            self._forget(base)  # its end may be the cause
        if kind == forks.LAST:
            return content
        raise _no_answer(kind, content, time.monotonic() - begin)

    def _fork(self, chain: Sequence[bytes]) -> tuple[_Process, _Process]:
        """Fork the kept process that shares the most first layers with `chain`, or else the zygote.

        Return the new process and its parent. Kept processes that have ended are dropped.
        """
        candidates = sorted(self._kept, key=lambda kept: _count_common(kept.chain, chain), reverse=True)
        for base in [kept for kept in candidates if _count_common(kept.chain, chain)]:
            try:
                process = base.fork()
            except OSError:
                self._forget(base)
            else:
                self._kept.remove(base)
                self._kept.append(base)
                return process, base
        if self._zygote is None:
            raise NoAnswer("Starting", "Keras is being imported: ask again in a few seconds")
        try:
            return self._zygote.fork(), self._zygote
        except OSError:
            raise NoAnswer("Starting", "Keras is being imported again: ask again in a few seconds") from None

    def _retain(self, process: _Process) -> None:
        """Keep a process after its answer, for later forks.

        End a kept process with the same network, and above MAX_KEPT processes the least recently used process.
        """
        same = next((kept for kept in self._kept if list(kept.chain) == list(process.chain)), None)
        if same is not None:
            self._forget(same)
        self._kept.append(process)
        if len(self._kept) > MAX_KEPT:
            self._forget(self._kept[0])

    def _forget(self, process: _Process) -> None:
        self._kept.remove(process)
        process.close()


def _count_common(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """Return how many layers two networks have in common, counted from the first layer, from their `layer_digests`."""
    return sum(digest == other_digest for digest, other_digest in zip(one, other, strict=False))


def _no_answer(kind: bytes, content: bytes, seconds: float) -> NoAnswer:
    match kind:
        case forks.INVALID:
            return NoAnswer("Invalid", content.decode())
        case forks.FAILED:
            _log.error("cannot check a network: %s", content.decode())
            return NoAnswer("Failed", "an unexpected error of the checker: see its log")
        case forks.OUT_OF_MEMORY:
            return NoAnswer("MemoryLimit", f"building the network takes more than {forks.LIMIT_BYTES >> 20} MiB")
        case _ if seconds >= forks.LIMIT_SECONDS:
            return NoAnswer("TimeLimit", f"building the network takes more than {forks.LIMIT_SECONDS:.0f} s")
        case _:
            _log.error(
                "a process that built a network has ended after %.1f s without an answer, probably out of memory",
                seconds,
            )
            return NoAnswer("MemoryLimit", "building the network takes too much memory")
