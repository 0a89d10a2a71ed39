"""The watchdog of a training: it sees where it is, and that it goes on at all."""

import faulthandler
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from epochal_trainer.reporting.last_words import LastWords

log = logging.getLogger(__name__)

HANGING = "Hanging"
"""Reason of the last words of a training that hangs."""
EXIT_CODE = os.EX_TEMPFAIL
"""How a training that hangs ends: it is tried again, and that counts as a crash."""
LONGEST_TICK = 1.0
STANDARD_ERROR = 2
LAST_RESORT = 60.0
"""Seconds beyond the patience with a training after which the whole of Python counts as hanging."""
WORDS_SECONDS = 10.0
"""How long a training that hangs may take to say so: what it says it with may hang, too."""


class Watchdog:
    """Takes the position of a training at every step; ends the process when there are no more steps.

    The training calls `at` at each step, of validation too, within `watched`. Whatever it does beside takes less time
    than it may go without a step: it does not wait for a storage.

    Args:
        words: Takes the position, and says why the process ends.
    """

    def __init__(self, words: LastWords) -> None:
        self._words = words
        self._beat: object = None

    def at(self, epoch: int, step: int) -> None:
        """Tells where the training is, and that it goes on. It takes about two microseconds.

        Args:
            epoch: Finished epochs.
            step: Finished steps of the running epoch.
        """
        self._beat = object()
        self._words.place(epoch, step)

    @contextmanager
    def watched(self, stall_seconds: int) -> Iterator[None]:
        """Ends the process, with EXIT_CODE, if `at` is not called in time by what runs within.

        Time in which the process does not run counts for nothing: it may be stopped, or its machine paused.

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
                # A hang that keeps Python's lock stops this thread, too. What ends that knows nothing of Python.
                faulthandler.dump_traceback_later(patience + LAST_RESORT, exit=True, file=STANDARD_ERROR)
                if ended.wait(tick):
                    return
                now = time.monotonic()
                if self._beat is not beat:
                    idle, beat = 0.0, self._beat
                else:
                    # Where this thread was not run either, nothing was: that is no hang of the training.
                    idle += min(now - before, 2 * tick)
                before = now
                if idle >= patience:
                    self._end(patience, thread)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _end(self, patience: int, thread: int) -> None:
        """Ends the process: cleaning up would wait for what hangs."""
        try:
            saying = threading.Thread(target=self._say, args=(patience, thread), daemon=True)
            saying.start()
            saying.join(WORDS_SECONDS)
        finally:
            os._exit(EXIT_CODE)

    def _say(self, patience: int, thread: int) -> None:
        frames = sys._current_frames()  # noqa: SLF001 - what there is for it
        position = self._words.position
        where = f"step {position.step} of epoch {position.epoch + 1}" if position else "the first step"
        message = (
            f"no step was finished for {patience} s, as spec.training.stallSeconds says, after {where}: the training "
            f"hangs {_standing(frames[thread])}"
        )
        self._words.leave(HANGING, message)
        names = {each.ident: each.name for each in threading.enumerate()}
        for number, frame in frames.items():
            stack = "".join(traceback.format_stack(frame))
            log.error("Thread %s stands here:\n%s", names.get(number, number), stack.rstrip())
        log.error("%s: %s", HANGING, message)
        logging.shutdown()


def _standing(frame: FrameType) -> str:
    code = frame.f_code
    return f"at {code.co_filename}:{frame.f_lineno}, in {code.co_qualname}"
