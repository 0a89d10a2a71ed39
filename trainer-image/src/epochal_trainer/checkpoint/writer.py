"""A background thread that writes checkpoints while the training continues."""

import threading
from collections.abc import Callable

from epochal_trainer.checkpoint.costs import Costs
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.data.arrays import Array
from epochal_trainer.lib import priority
from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.signals import Terminated

_RETRY_SECONDS = 1.0
"""Seconds between attempts to write the last checkpoint after a signal to stop."""


class Writer:
    """Writes checkpoints in a background thread, one at a time. At most one waits: a newer checkpoint replaces it.

    Args:
        write: Writes a checkpoint to the bucket. It must keep no reference to the arrays, which are reused afterwards.
        costs: Records the cost of writing.
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
        """Queue a checkpoint, to be written after the present write. It replaces a checkpoint that still waits."""
        with self._changed:
            self._waiting = snapshot
            self._changed.notify_all()

    def reclaim_arrays(self) -> dict[str, Array]:
        """Drop a waiting checkpoint and return its arrays, or else the arrays of a written checkpoint; may be empty.

        The caller may overwrite the arrays. So there are never three checkpoints in memory.
        """
        with self._changed:
            spare = self._spare if self._waiting is None else self._waiting.arrays
            self._spare, self._waiting = {}, None
            self._changed.notify_all()
        return spare

    def check(self) -> None:
        """Raise the error that stopped the background thread, if an error has stopped it.

        Raises:
            Failure, OSError, MemoryError: If a checkpoint could not be written.
            RuntimeError: For any other error, which is a bug of the trainer.
        """
        if self._error is None:
            return
        if isinstance(self._error, Failure | OSError | MemoryError):
            raise self._error
        raise RuntimeError("cannot write a checkpoint") from self._error

    def flush(self, seconds: float) -> bool:
        """Wait until all queued checkpoints are written. Return False after `seconds`, or after an error of a write."""
        with self._changed:
            return self._changed.wait_for(self._idle, seconds) and self._error is None

    def close(self) -> None:
        """End the background thread after its present write, without waiting for it. Drop a checkpoint that waits."""
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
            retry: Snapshot | None = None
            error: BaseException | None = None
            try:
                with self._costs.writing(snapshot.size):
                    self._write(snapshot)
            except Terminated:
                retry = snapshot  # a stopping trainer never waits for the storage, so try again while there is time
            except BaseException as caught:  # noqa: BLE001 - `check` raises it where the training can end
                error = caught
            with self._changed:
                self._writing, self._error = False, error
                if retry is None and not self._closed:
                    self._spare = snapshot.arrays
                del snapshot
                self._waiting = self._waiting or retry
                self._changed.notify_all()
                if error is not None:
                    return
                if retry is not None:
                    self._changed.wait_for(lambda: self._closed, _RETRY_SECONDS)
