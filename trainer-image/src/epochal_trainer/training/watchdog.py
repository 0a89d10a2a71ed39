"""The watchdog of a training, which ends the process if the training hangs."""

import faulthandler
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from epochal_trainer.reporting.termination_message import TerminationMessage

log = logging.getLogger(__name__)

HANGING = "Hanging"
"""Reason in the termination message of a training that hangs."""
EXIT_CODE = os.EX_TEMPFAIL
"""Exit code of a training that hangs. The attempt is retried, and counts as a crash."""
MAX_CHECK_INTERVAL = 1.0
STANDARD_ERROR = 2
GIL_HANG_SECONDS = 60.0
"""Seconds beyond `stall_seconds` after which the process ends even if no Python thread can run."""
REPORT_SECONDS = 10.0
"""Maximum seconds to log a hang and to write the termination message, because this may hang too."""


class Watchdog:
    """Records the position of a training at every step, and ends the process if no next step follows in time.

    The training calls `record_step` at each step, also of validation, within the context of `watch`. Other work between
    two steps takes less than `stall_seconds`, because it does not wait for a storage.
    """

    def __init__(self, termination: TerminationMessage) -> None:
        self._termination = termination
        self._last_step: object = None

    def record_step(self, epoch: int, step: int) -> None:
        """Record the position, as a sign that the training does not hang. A call takes about two microseconds."""
        self._last_step = object()
        self._termination.set_position(epoch, step)

    @contextmanager
    def watch(self, stall_seconds: int, work: str = "training") -> Iterator[None]:
        """End the process with EXIT_CODE if the code within the context does not call `record_step` in time.

        Time in which the whole process is paused is not counted, such as a stopped process or a suspended machine.

        Args:
            stall_seconds: Maximum seconds between two calls of `record_step`.
            work: Name of the work within the context, for the termination message.
        """
        finished = threading.Event()
        arguments = stall_seconds, work, threading.get_ident(), finished
        watchdog = threading.Thread(target=self._run, args=arguments, name="watchdog", daemon=True)
        self._last_step = object()
        watchdog.start()
        try:
            yield
        finally:
            finished.set()
            watchdog.join()

    def _run(self, stall_seconds: int, work: str, thread: int, finished: threading.Event) -> None:
        interval = min(MAX_CHECK_INTERVAL, stall_seconds / 10)
        idle, last_step, checked = 0.0, self._last_step, time.monotonic()
        try:
            while True:
                # A hang that holds the GIL stops this thread too. faulthandler's timer needs no GIL, and ends such a
                # process.
                faulthandler.dump_traceback_later(stall_seconds + GIL_HANG_SECONDS, exit=True, file=STANDARD_ERROR)
                if finished.wait(interval):
                    return
                now = time.monotonic()
                if self._last_step is not last_step:
                    idle, last_step = 0.0, self._last_step
                else:
                    # If this thread did not run either, the whole process was paused: that is no hang of the training.
                    idle += min(now - checked, 2 * interval)
                checked = now
                if idle >= stall_seconds:
                    self._end_process(stall_seconds, work, thread)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _end_process(self, stall_seconds: int, work: str, thread: int) -> None:
        """Report the hang, and end the process without cleanup, which would wait for the code that hangs."""
        try:
            report = threading.Thread(target=self._report_hang, args=(stall_seconds, work, thread), daemon=True)
            report.start()
            report.join(REPORT_SECONDS)
        finally:
            os._exit(EXIT_CODE)

    def _report_hang(self, stall_seconds: int, work: str, thread: int) -> None:
        frames = sys._current_frames()  # noqa: SLF001 - Python has no public function for it
        code, line = frames[thread].f_code, frames[thread].f_lineno
        position = self._termination.position
        last_step = f"step {position.step} of epoch {position.epoch + 1}" if position else "the first step"
        message = (
            f"no step was finished for {stall_seconds} s (spec.training.stallSeconds) after {last_step}: the {work} "
            f"hangs at {code.co_filename}:{line}, in {code.co_qualname}"
        )
        self._termination.write_final(HANGING, message)
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for number, frame in frames.items():
            stack = "".join(traceback.format_stack(frame))
            log.error("Stack of thread %s:\n%s", names.get(number, number), stack.rstrip())
        log.error("%s: %s", HANGING, message)
        logging.shutdown()
