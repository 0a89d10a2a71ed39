"""A process that forks itself when the server orders it, and a fork's answer to one question, with limited memory.

A forked process has neither the threads of its parent nor the locks that they hold. So only a process with one thread
is forked, and TensorFlow computes in the calling thread (see `zygote`).
"""

import os
import resource
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from epochal_trainer.checker.frames import receive_fork, receive_frame, send_frame

LIMIT_SECONDS = 5.0
"""Seconds after which SIGALRM kills a process that has not answered its question."""
LIMIT_BYTES = 256 * 2**20
"""Maximum bytes of address space of a process, in addition to that of the zygote."""
KEPT_BYTES = 48 * 2**20
"""Maximum bytes by which the data segment of a process may exceed the zygote's if it is kept after its answer."""
KEPT, LAST, INVALID, OUT_OF_MEMORY, FAILED = b"K", b"L", b"I", b"M", b"F"
"""First byte of a process's message to the server.

KEPT and LAST precede an answer: after KEPT, the process stays and may be forked; after LAST, it is ended. The other
bytes mean an error; INVALID and FAILED precede its text.
"""
_FIRST_TO_GO = "1000"
_PAGE = os.sysconf("SC_PAGE_SIZE")

Answer = Callable[[bytes], bytes]
"""Returns the answer to a question, or raises InvalidQuestion. It may keep built layers, which forks then reuse."""


class InvalidQuestion(ValueError):
    """The error for a question with invalid fields. The message has a line for each."""


def limit_memory() -> int:
    """Limit the address space of this process and its forks to LIMIT_BYTES more than now.

    Return the present size of this process's data segment in bytes.
    """
    size, data = _sizes()
    resource.setrlimit(resource.RLIMIT_AS, (size + LIMIT_BYTES, size + LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return data


def serve(connection: socket.socket, answer: Answer, data: int) -> NoReturn:
    """Fork this process on each order from the server, and end it when the server closes the connection.

    Each fork answers one question on its own connection, and then waits for orders to fork in the same way.

    Args:
        connection: The blocking socket on which the server sends the orders.
        answer: Returns the answer to a question.
        data: Size of the zygote's data segment in bytes, from `limit_memory`.
    """
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the forks
        while (order := receive_fork(connection)) is not None:
            if _fork():
                order.close()
                continue
            connection.close()
            connection = order
            _answer(connection, answer, data)
        code = 0
    except BaseException:  # noqa: BLE001 - no exception may reach the code of the parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns about threads of TensorFlow, which are idle
        return os.fork()


def _answer(connection: socket.socket, answer: Answer, data: int) -> None:
    """Read a question, and send the answer or an error. SIGALRM kills this process if that takes LIMIT_SECONDS."""
    with suppress(OSError):  # if memory is short, the kernel should kill this process first
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    # The default action of the signal kills the process, also within C code.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_SECONDS)
    question = receive_frame(connection)
    if question is None:
        return
    try:
        kind, content = KEPT, answer(question)
    except InvalidQuestion as error:
        kind, content = INVALID, str(error).encode()
    except MemoryError:
        kind, content = OUT_OF_MEMORY, b""
    except Exception:  # noqa: BLE001 - a bug fails one question
        kind, content = FAILED, traceback.format_exc().encode()
    signal.setitimer(signal.ITIMER_REAL, 0)
    if kind == KEPT and not _is_forkable(data):
        kind = LAST
    send_frame(connection, kind + content)


def _is_forkable(data: int) -> bool:
    """Return whether this process may be kept: it has one thread, and its data segment is not too large.

    The maximum is `data`, the size of the zygote's data segment in bytes, plus KEPT_BYTES.
    """
    return len(list(Path("/proc/self/task").iterdir())) == 1 and _sizes()[1] <= data + KEPT_BYTES


def _sizes() -> tuple[int, int]:
    """Return the sizes in bytes of the address space and of the data segment of this process."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[0]) * _PAGE, int(fields[5]) * _PAGE
