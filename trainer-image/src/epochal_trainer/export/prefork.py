"""An export process that the trainer forks after the import of Keras, so that it does not import TensorFlow again.

The forked process waits until the training ends, and shares most of its memory with the trainer meanwhile. The trainer
may fork only while it has no storage credentials in memory, and before TensorFlow has computed: the forked process
lacks the threads of its parent, and a lock that such a thread holds would stay locked.
"""

import faulthandler
import logging
import os
import select
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from epochal_trainer.data.memory import MIN_FREE_MEMORY, available_memory
from epochal_trainer.export.worker import LOG, end_with_parent, environment, export_request
from epochal_trainer.lib import keys
from epochal_trainer.reporting import log as logs

log = logging.getLogger(__name__)

MIN_MEMORY = 144 * 2**20 + MIN_FREE_MEMORY
"""Minimum free bytes for the fork, and for the export in it, in addition to the memory shared with the trainer."""
BEGUN = "begun"
"""Empty file in the folder of the request. The forked process creates it when it begins to export."""
_CHECK_SECONDS = 1.0
"""Seconds between two checks of the free memory while the forked process waits for its request."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_FIRST = 3
"""The first file descriptor after standard error."""


class PreforkedExporter:
    """A forked export process. Its methods `poll`, `kill` and `wait` work as in subprocess.Popen.

    Args:
        pid: The id of the forked process.
        request_pipe: The file descriptor of the pipe to the process, which carries the path of the request.
    """

    def __init__(self, pid: int, request_pipe: int) -> None:
        self.returncode: int | None = None
        self.pid = pid
        self._request_pipe = request_pipe

    def send_request(self, request: Path) -> bool:
        """Send the path of the request's file to the process; return False if the process has ended."""
        try:
            os.write(self._request_pipe, os.fsencode(request))
        except BrokenPipeError:
            return False
        return self.poll() is None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the process runs."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        code = self._reap(0)
        assert code is not None  # noqa: S101 - waitpid has waited
        return code

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process unless it has ended, wait for its end, and close the pipe to it."""
        self.kill()
        self.wait()
        if self._request_pipe >= 0:
            os.close(self._request_pipe)
            self._request_pipe = -1

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def fork(
    *,
    free_memory: Callable[[], int] = available_memory,
    export: Callable[[Path], None] = export_request,
) -> PreforkedExporter | None:
    """Fork the export process, and return it.

    Return None if this process has storage credentials in memory or several threads, if less than MIN_MEMORY is free,
    or if the fork fails.

    Call this function after the import of Keras, and before Keras computes.

    Args:
        free_memory: Returns the bytes of free memory.
        export: Exports the request in a file. The forked process calls it.
    """
    if keys.has_keys() or threading.active_count() > 1 or free_memory() < MIN_MEMORY:
        return None
    try:
        return _fork(free_memory, export)
    except OSError as error:  # such as a limit of processes
        log.info("Cannot fork the export process (%s): the export will start a new process", error)
        return None


def _fork(free_memory: Callable[[], int], export: Callable[[Path], None]) -> PreforkedExporter:
    parent = os.getpid()
    reader, writer = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # else both processes would write the rest
    # A signal for the trainer must not raise an exception in the new process, which would run the parent's cleanup.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    with warnings.catch_warnings():
        # Python warns about all threads, also of NumPy and TensorFlow, which wait for work.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            pid = os.fork()
            if not pid:
                _run(reader, parent, free_memory, export)
        except OSError:
            os.close(writer)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.close(reader)
    return PreforkedExporter(pid, writer)


def _run(request_pipe: int, parent: int, free_memory: Callable[[], int], export: Callable[[Path], None]) -> NoReturn:
    """Run the forked process: wait for the request, export, and exit without running the cleanup of the parent."""
    code = 1
    try:
        _leave_parent(request_pipe)
        if end_with_parent(parent) and (request := _wait_for_request(request_pipe, free_memory)) is not None:
            _write_to(request.parent / LOG)
            os.chdir(request.parent)
            Path(BEGUN).touch()
            export(request)
        code = 0
    except BaseException:  # noqa: BLE001 - no exception may reach the code of the parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _leave_parent(request_pipe: int) -> None:
    """Detach the forked process from its parent: close inherited files, and reset signals, log and environment."""
    os.setsid()  # Ctrl-C is for the trainer, which ends this process
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    # A file object of the parent closes its number when Python frees it. So the log is freed before any number is used
    # again, and `request_pipe` keeps its number, which no object has.
    logs.to_standard_error()
    os.closerange(_FIRST, request_pipe)
    os.closerange(request_pipe + 1, os.sysconf("SC_OPEN_MAX"))
    _write_to(Path(os.devnull))
    variables = environment(os.environ)
    os.environ.clear()
    os.environ.update(variables)


def _write_to(path: Path) -> None:
    """Append standard output and standard error of this process to a file, and let standard input be empty."""
    source, target = os.open(os.devnull, os.O_RDONLY), os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for file, number in ((source, 0), (target, 1), (target, 2)):
        os.dup2(file, number)
    os.close(source)
    os.close(target)
    faulthandler.enable(2)


def _wait_for_request(request_pipe: int, free_memory: Callable[[], int]) -> Path | None:
    """Wait for the path of the request's file, and return it.

    Return None if the parent ends first, or if less than MIN_FREE_MEMORY is free.
    """
    while not select.select([request_pipe], [], [], _CHECK_SECONDS)[0]:
        if free_memory() < MIN_FREE_MEMORY:
            return None
    content = os.read(request_pipe, select.PIPE_BUF)
    return Path(os.fsdecode(content)) if content else None
