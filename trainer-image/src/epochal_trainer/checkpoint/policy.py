"""When checkpoints are taken, and of what."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from epochal_api.training import Checkpoint

from epochal_trainer.checkpoint.files import Files
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import Facts, Position
from epochal_trainer.checkpoint.validation import BeforeValidation
from epochal_trainer.checkpoint.writer import Writer
from epochal_trainer.reporting.history import Epoch


class Checkpointer:
    """Takes checkpoints of a training. To take one is to copy its state in memory; the writer does the rest.

    Args:
        policy: When checkpoints are due.
        model: The model.
        callbacks: The user's callbacks.
        files: Takes copies of the files that the training writes.
        writer: Writes checkpoints.
        facts: What an epoch's batches follow from.
        attempt: The attempt.
        versions: Versions of what the result depends on.
    """

    def __init__(
        self,
        policy: Checkpoint,
        *,
        model: keras.Model,
        callbacks: Sequence[Any],
        files: Files,
        writer: Writer,
        facts: Facts,
        attempt: int,
        versions: Mapping[str, str],
    ) -> None:
        self._policy = policy
        self._model = model
        self._callbacks = callbacks
        self._files = files
        self._writer = writer
        self._facts = facts
        self._attempt = attempt
        self._versions = versions
        self._last = time.monotonic()

    def check(self) -> None:
        """Tells whether checkpoints can be written.

        Raises:
            Failure: If not. RuntimeError likewise.
        """
        self._writer.check()

    def due_within(self) -> bool:
        """Whether it is time for a checkpoint within an epoch."""
        every = self._policy.every_seconds
        return every is not None and time.monotonic() >= self._last + every

    def due_after(self, epoch: int) -> bool:
        """Whether one is due after so many finished epochs."""
        return epoch % self._policy.every_epochs == 0

    def before_validation(self) -> BeforeValidation:
        """Returns what validation, about to begin, will change."""
        return BeforeValidation(self._model, self._callbacks)

    def capture(self, position: Position, history: Sequence[Epoch], seconds: float) -> Snapshot:
        """Returns the state of the training as it is now, to be stored: one that waits to be written gives way to it.

        Args:
            position: Where it is.
            history: The finished epochs.
            seconds: How long the running epoch has taken so far.

        Raises:
            Failure: ScratchFull.
        """
        for callback in self._callbacks:
            if isinstance(callback, keras.callbacks.TensorBoard):
                for writer in callback._writers.values():  # noqa: SLF001 - what it holds back is in no file yet
                    writer.flush()
        files = self._files.take()
        self._writer.make_room()
        return Snapshot.of(
            self._model,
            self._callbacks,
            position=position,
            history=history,
            seconds=seconds,
            facts=self._facts,
            attempt=self._attempt,
            files=files,
            versions=self._versions,
        )

    def store(self, snapshot: Snapshot) -> None:
        """Hands a checkpoint on to be written."""
        self._last = time.monotonic()
        self._writer.put(snapshot)
