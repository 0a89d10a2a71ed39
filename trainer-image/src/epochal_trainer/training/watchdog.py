"""The watchdog of a training: it records the position, and ends the process if the training hangs."""

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
"""Exit code of a training that hangs. The training is retried, and the hang counts as a crash."""
LONGEST_TICK = 1.0
STANDARD_ERROR = 2
LAST_RESORT = 60.0
"""Seconds beyond `stall_seconds` after which the whole Python process counts as hanging."""
WORDS_SECONDS = 10.0
"""Seconds that a hanging training may take to log and write its termination message: this may hang, too."""


class Watchdog:
    """Records the position of a training at every step, and ends the process when no step follows in time.

    The training calls `at` at each step, also of validation, within `watched`. Any other work in between takes less
    time than `stall_seconds`, because it does not wait for a storage.

    Args:
        words: Takes the position, and writes the termination message.
    """

    def __init__(self, words: TerminationMessage) -> None:
        self._words = words
        self._beat: object = None

    def at(self, epoch: int, step: int) -> None:
        """Record the position of the training, as a sign of life. A call takes about two microseconds.

        Args:
            epoch: Finished epochs.
            step: Finished steps of the running epoch.
        """
        self._beat = object()
        self._words.set_position(epoch, step)

    @contextmanager
    def watched(self, stall_seconds: int) -> Iterator[None]:
        """End the process with EXIT_CODE if the code within the context does not call `at` in time.

        Time in which the process does not run is not counted, such as a stopped process or a paused machine.

        Args:
            stall_seconds: The longest time from one call of `at` to the next.
        """
        main = threading.get_ident()
        ended = threading.Event()
        watchdog = threading.Thread(target=self._watch, args=(stall_seconds, main, ended), name="watchdog", daemon=True)
        self._beat = object()
        watchdog.start()
        try:
            yield
        finally:
            ended.set()
            watchdog.join()

    def _watch(self, patience: int, thread: int, ended: threading.Event) -> None:
        tick = min(LONGEST_TICK, patience / 10)
        idle, beat, before = 0.0, self._beat, time.monotonic()
        try:
            while True:
                # A hang that holds the GIL stops this thread too. faulthandler's timer needs no GIL, and ends such a
                # process.
                faulthandler.dump_traceback_later(patience + LAST_RESORT, exit=True, file=STANDARD_ERROR)
                if ended.wait(tick):
                    return
                now = time.monotonic()
                if self._beat is not beat:
                    idle, beat = 0.0, self._beat
                else:
                    # If this thread did not run either, the whole process was paused: that is no hang of the training.
                    idle += min(now - before, 2 * tick)
                before = now
                if idle >= patience:
                    self._end(patience, thread)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _end(self, patience: int, thread: int) -> None:
        """End the process without cleanup, because cleanup would wait for the code that hangs."""
        try:
            saying = threading.Thread(target=self._say, args=(patience, thread), daemon=True)
            saying.start()
            saying.join(WORDS_SECONDS)
        finally:
            os._exit(EXIT_CODE)

    def _say(self, patience: int, thread: int) -> None:
        frames = sys._current_frames()  # noqa: SLF001 - Python has no public function for it
        position, frame = self._words.position, frames[thread]
        place = f"at {frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_qualname}"
        where = f"step {position.step} of epoch {position.epoch + 1}" if position else "the first step"
        message = (
            f"no step was finished for {patience} s, as spec.training.stallSeconds says, after {where}: the training "
            f"hangs {place}"
        )
        self._words.write_final(HANGING, message)
        names = {each.ident: each.name for each in threading.enumerate()}
        for number, frame in frames.items():
            stack = "".join(traceback.format_stack(frame))
            log.error("Thread %s stands here:\n%s", names.get(number, number), stack.rstrip())
        log.error("%s: %s", HANGING, message)
        logging.shutdown()
