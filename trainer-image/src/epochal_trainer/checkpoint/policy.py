"""When checkpoints are taken, and of what."""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import keras
from epochal_api.training import Checkpoint

from epochal_trainer.checkpoint.best import BestWeights
from epochal_trainer.checkpoint.costs import Costs
from epochal_trainer.checkpoint.files import Files
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import Facts, Position
from epochal_trainer.checkpoint.validation import BeforeValidation
from epochal_trainer.checkpoint.writer import Writer
from epochal_trainer.lib import cgroups
from epochal_trainer.reporting.history import Epoch

log = logging.getLogger(__name__)

_MOST = 0.03
"""Part of a training's time that checkpoints may take, with the copies of the best weights that come with them, unless
spec.training.checkpoint says when to take them."""
_LEAST_SECONDS = 0.1
"""What costs less is not worth to be done without."""
_MOST_SECONDS = 600.0
"""The longest that a training goes on from one to the next because of what they cost."""
_RECENT = 5
"""Epochs whose median tells how long one takes: the first one of an attempt takes longer."""


def epochs_between(cost: float, epoch_seconds: float, copying: float = 0.0) -> int:
    """Returns after how many epochs the next checkpoint is due, so that they take no more than their part of the time.

    However much one costs, a kill costs no more than some minutes.

    Args:
        cost: Seconds by which one makes a training longer.
        epoch_seconds: Seconds that an epoch takes without.
        copying: Seconds that copies of the best weights make an epoch longer by. They come out of the same part, of
            which half is left to checkpoints, whatever copies take: there are at least half as many as without.
    """
    if cost < _LEAST_SECONDS or epoch_seconds <= 0:
        return 1
    longest = max(1, int(_MOST_SECONDS / epoch_seconds))
    part = _MOST * epoch_seconds
    return min(math.ceil(cost / max(part - copying, part / 2)), longest)


def copies_exceed(copying: float, epoch_seconds: float) -> bool:
    """Returns whether copies of the best weights alone take more than the part that checkpoints may take with them.

    Args:
        copying: Seconds that they make an epoch longer by.
        epoch_seconds: Seconds that an epoch takes without.
    """
    return copying >= _LEAST_SECONDS and 0 < _MOST * epoch_seconds < copying


class Checkpointer:
    """Takes checkpoints of a training. To take one is to copy its state in memory; the writer does the rest.

    Args:
        policy: When checkpoints are due.
        model: The model.
        callbacks: The user's callbacks.
        files: Takes copies of the files that the training writes.
        writer: Writes checkpoints.
        costs: Takes what they cost; the writer's, too.
        facts: What an epoch's batches follow from.
        attempt: The attempt.
        versions: Versions of what the result depends on.
        best: Keeps the weights of the best epoch; None to keep none.
    """

    def __init__(
        self,
        policy: Checkpoint,
        *,
        model: keras.Model,
        callbacks: Sequence[Any],
        files: Files,
        writer: Writer,
        costs: Costs,
        facts: Facts,
        attempt: int,
        versions: Mapping[str, str],
        best: BestWeights | None = None,
    ) -> None:
        self._policy = policy
        self._model = model
        self._callbacks = callbacks
        self._files = files
        self._writer = writer
        self._costs = costs
        self._facts = facts
        self._attempt = attempt
        self._versions = versions
        self._best = best
        self._last = time.monotonic()
        self._last_epoch = 0
        self._epoch_seconds = 0.0
        self._begins_after = 0
        self._said = 1
        self._said_copies = False

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
        """Whether one is due after so many finished epochs.

        If the policy says that there is one after each, which the API server says where nobody does, one that costs
        more than its part of the time is taken less often.
        """
        copying = self._costs.best_seconds / max(1, epoch - self._begins_after)
        self._tell_of_copies(copying)
        if self._policy.every_epochs > 1:
            return epoch % self._policy.every_epochs == 0
        cost = self._costs.seconds(cgroups.cores())
        every = epochs_between(cost, self._epoch_seconds, copying)
        if every > 1 and not self._said / 2 < every < self._said * 2:
            self._said = every
            log.info(
                "A checkpoint takes about %.1f s of the training's time, and an epoch %.1f s: from here on one is "
                "taken every %d epochs or so; spec.training.checkpoint.everySeconds bounds what a kill may cost.",
                cost,
                self._epoch_seconds,
                every,
            )
        return epoch >= self._last_epoch + every or self.due_within()

    def before_validation(self) -> BeforeValidation:
        """Returns what validation, about to begin, will change."""
        return BeforeValidation(self._model, self._callbacks)

    def resume(self, snapshot: Snapshot) -> None:
        """Takes over what a checkpoint kept, once it was given back to the model."""
        self._begins_after = snapshot.state.position.epoch
        if self._best is not None:
            self._best.resume(snapshot.state.best, snapshot.best)

    def keep_best(self, epoch: int) -> None:
        """Keeps the weights of an epoch that has ended, and is the best so far."""
        if self._best is not None:
            self._best.take(epoch)

    def capture(self, position: Position, history: Sequence[Epoch], seconds: float) -> Snapshot:
        """Returns the state of the training as it is now, to be stored: one that waits to be written gives way to it.

        Args:
            position: Where it is.
            history: The finished epochs.
            seconds: How long the running epoch has taken so far.

        Raises:
            Failure: ScratchFull.
        """
        with self._costs.capturing():
            for callback in self._callbacks:
                if isinstance(callback, keras.callbacks.TensorBoard):
                    for writer in callback._writers.values():  # noqa: SLF001 - what it holds back is in no file yet
                        writer.flush()
            files = self._files.take()
            snapshot = Snapshot.of(
                self._model,
                self._callbacks,
                position=position,
                history=history,
                seconds=seconds,
                facts=self._facts,
                attempt=self._attempt,
                files=files,
                versions=self._versions,
                best=self._best.kept if self._best else None,
                spare=self._writer.make_room(),
            )
        self._last_epoch = len(history)
        self._epoch_seconds = median([epoch.seconds for epoch in history[-_RECENT:]] or [0.0])
        return snapshot

    def _tell_of_copies(self, copying: float) -> None:
        """Says once that the copies of the best weights take more of the time than they may: none of them is left out.

        Args:
            copying: Seconds that they have made each epoch of this attempt longer by.
        """
        if not self._said_copies and copies_exceed(copying, self._epoch_seconds):
            self._said_copies = True
            log.warning(
                "Copies of the best weights take about %.1f s of the training's time for each epoch, and an epoch "
                "%.1f s: more than the %.0f %% that checkpoints may take with them. spec.results.best: false leaves "
                "them out, and best.keras with them.",
                copying,
                self._epoch_seconds,
                100 * _MOST,
            )

    def store(self, snapshot: Snapshot) -> None:
        """Hands a checkpoint on to be written."""
        self._last = time.monotonic()
        self._writer.put(snapshot)
