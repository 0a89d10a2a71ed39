"""Writes checkpoints from a thread of its own: the training goes on meanwhile."""

import threading
import time
from collections.abc import Callable

from epochal_trainer.checkpoint.costs import Costs
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.data.samples import Array
from epochal_trainer.lib import priority
from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.signals import Terminated

_PAUSE = 1.0
"""Seconds between tries of who is told to stop."""


class Writer:
    """Writes the newest checkpoint there is. One that waits gives way to a newer one.

    Args:
        write: Writes one, durably, and keeps nothing of it: its arrays are used again.
        costs: Takes what that costs.
    """

    def __init__(self, write: Callable[[Snapshot], None], costs: Costs) -> None:
        self._write = write
        self._costs = costs
        self._spare: dict[str, Array] = {}
        self._changed = threading.Condition()
        self._waiting: Snapshot | None = None
        self._writing = False
        self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def put(self, snapshot: Snapshot) -> None:
        """Takes a checkpoint, to be written as soon as the one before it is."""
        with self._changed:
            self._waiting = snapshot
            self._changed.notify_all()

    def make_room(self) -> dict[str, Array]:
        """Lets go of a checkpoint that waits: a newer one is about to be taken, and memory need not hold three.

        Returns:
            Arrays by name that nobody needs any more, those of a checkpoint of before: to take the newer one into.
        """
        with self._changed:
            spare = self._spare if self._waiting is None else self._waiting.arrays
            self._spare, self._waiting = {}, None
            self._changed.notify_all()
        return spare

    def check(self) -> None:
        """Tells what went wrong.

        Raises:
            Failure: If a checkpoint could not be written. OSError or MemoryError likewise.
            RuntimeError: Likewise, if that is nobody's fault but the trainer's.
        """
        if self._error is None:
            return
        if isinstance(self._error, Failure | OSError | MemoryError):
            raise self._error
        raise RuntimeError("a checkpoint could not be written") from self._error

    def flush(self, seconds: float) -> bool:
        """Waits until all is written.

        Args:
            seconds: How long at most.

        Returns:
            Whether it is.
        """
        end = time.monotonic() + seconds
        with self._changed:
            return self._changed.wait_for(self._idle, end - time.monotonic()) and self._error is None

    def close(self) -> None:
        """Ends the thread, once the checkpoint that it writes is written. One that waits is not."""
        with self._changed:
            self._closed = True
            self._spare = {}
            self._changed.notify_all()

    def _idle(self) -> bool:
        return self._error is not None or (self._waiting is None and not self._writing)

    def _run(self) -> None:
        priority.lower()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None or self._closed)
                snapshot, self._waiting = self._waiting, None
                if snapshot is None or self._closed:
                    return
                self._writing = True
            again: Snapshot | None = None
            error: BaseException | None = None
            try:
                with self._costs.writing(snapshot.size):
                    self._write(snapshot)
            except Terminated:
                again = snapshot  # a storage is not waited for by who is told to stop, but this is the last chance
            except BaseException as caught:  # noqa: BLE001 - it is raised where the training can end
                error = caught
            with self._changed:
                self._writing, self._error = False, error
                if again is None and not self._closed:
                    self._spare = snapshot.arrays
                del snapshot
                self._waiting = self._waiting or again
                self._changed.notify_all()
                if error is not None:
                    return
                if again is not None:
                    self._changed.wait_for(lambda: self._closed, _PAUSE)
