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
"""Seconds between tries after a request to stop."""


class Writer:
    """Writes the newest checkpoint in a background thread. A newer checkpoint replaces one that waits.

    Args:
        write: Writes a checkpoint durably, and keeps no reference to its arrays, which are reused.
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
        """Queue a checkpoint, to be written after the one in progress."""
        with self._changed:
            self._waiting = snapshot
            self._changed.notify_all()

    def reclaim_arrays(self) -> dict[str, Array]:
        """Drop the checkpoint that waits, if any, and return unused arrays of an earlier checkpoint for reuse.

        So memory never holds three checkpoints.
        """
        with self._changed:
            spare = self._spare if self._waiting is None else self._waiting.arrays
            self._spare, self._waiting = {}, None
            self._changed.notify_all()
        return spare

    def check(self) -> None:
        """Raise the error that stopped the thread, if there is one.

        Raises:
            Failure: If a checkpoint could not be written. Or OSError or MemoryError.
            RuntimeError: If a bug of the trainer is the cause.
        """
        if self._error is None:
            return
        if isinstance(self._error, Failure | OSError | MemoryError):
            raise self._error
        raise RuntimeError("cannot write a checkpoint") from self._error

    def flush(self, seconds: float) -> bool:
        """Wait at most `seconds` until all checkpoints are written; return whether all are, without an error."""
        with self._changed:
            return self._changed.wait_for(self._idle, seconds) and self._error is None

    def close(self) -> None:
        """End the thread after the write in progress. A checkpoint that waits is dropped."""
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
