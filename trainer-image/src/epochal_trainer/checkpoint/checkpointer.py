"""Decides when checkpoints of a training are due, from the spec and the time that they cost, and captures them."""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from statistics import median
from typing import Any

import keras
from epochal_api.trainingjob.training import Checkpoint
from epochal_lib import cgroups

from epochal_trainer.checkpoint.before_validation import ValidationBackup
from epochal_trainer.checkpoint.best_weights import BestWeights
from epochal_trainer.checkpoint.costs import Costs
from epochal_trainer.checkpoint.files import Files
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import Position, ResumeFacts
from epochal_trainer.checkpoint.writer import Writer
from epochal_trainer.reporting.history import Epoch

log = logging.getLogger(__name__)

_MAX_SHARE = 0.03
"""Maximum fraction of a training's time for checkpoints and copies of the best weights, unless
spec.training.checkpoint sets when checkpoints are taken."""
_MIN_SECONDS = 0.1
"""If a checkpoint costs fewer seconds than this, a checkpoint is taken after every epoch."""
_MAX_SECONDS = 600.0
"""Maximum seconds between two checkpoints, however much they cost. A single longer epoch may exceed it."""
_RECENT = 5
"""Number of recent epochs whose median is the duration of an epoch: the first epoch of an attempt takes longer."""


def epochs_between(cost: float, epoch_seconds: float, copying: float = 0.0) -> int:
    """Return the number of epochs between checkpoints with which they use at most _MAX_SHARE of the time.

    The number is limited so that a kill loses about ten minutes at most, or one longer epoch. It is 1 if a checkpoint
    costs less than _MIN_SECONDS.

    Args:
        cost: Seconds that a checkpoint adds to a training.
        epoch_seconds: Seconds of an epoch without checkpoints; 0 if unknown.
        copying: Seconds that copies of the best weights add to an epoch. They use up to half of the share of the time,
            so they at most halve the number of checkpoints.
    """
    if cost < _MIN_SECONDS or epoch_seconds <= 0:
        return 1
    longest = max(1, int(_MAX_SECONDS / epoch_seconds))
    part = _MAX_SHARE * epoch_seconds
    return min(math.ceil(cost / max(part - copying, part / 2)), longest)


def copies_exceed(copying: float, epoch_seconds: float) -> bool:
    """Return whether copies of the best weights alone take more than _MAX_SHARE of the time of an epoch.

    `copying` is their seconds per epoch. Below _MIN_SECONDS they never exceed it.
    """
    return copying >= _MIN_SECONDS and 0 < _MAX_SHARE * epoch_seconds < copying


@dataclass(eq=False)
class Checkpointer:
    """Decides when a checkpoint is due, and copies the state in memory. The writer stores the copy in a thread."""

    policy: Checkpoint
    _: KW_ONLY
    model: keras.Model
    callbacks: Sequence[Any]
    files: Files
    writer: Writer
    costs: Costs
    facts: ResumeFacts
    attempt: int
    versions: Mapping[str, str]
    best_weights: BestWeights | None = None

    def __post_init__(self) -> None:
        """Start to measure the time since the last checkpoint, for everySeconds."""
        self._last = time.monotonic()
        self._last_epoch = 0
        self._epoch_seconds = 0.0
        self._begins_after = 0
        self._logged_every = 1
        self._logged_copies = False

    def check(self) -> None:
        """Raise the error that stopped the checkpoint writer, if there is one."""
        self.writer.check()

    def due_within(self) -> bool:
        """Return whether a checkpoint is due now, in the middle of an epoch: everySeconds is set and has passed."""
        every = self.policy.every_seconds
        return every is not None and time.monotonic() >= self._last + every

    def due_after(self, epoch: int) -> bool:
        """Return whether a checkpoint is due after this number of finished epochs.

        With everyEpochs above 1, it is due after each multiple of everyEpochs. With everyEpochs: 1, the default,
        expensive checkpoints are due less often than every epoch, so that they use at most _MAX_SHARE of the time. It
        is then also due if everySeconds is set and has passed.
        """
        copying = self.costs.best_seconds / max(1, epoch - self._begins_after)
        if not self._logged_copies and copies_exceed(copying, self._epoch_seconds):
            self._logged_copies = True
            log.warning(
                "Copies of the best weights take about %.1f s per epoch of %.1f s, more than the %.0f %% limit for "
                "checkpoints and copies. To save the time, disable best.keras with spec.results.best: false.",
                copying,
                self._epoch_seconds,
                100 * _MAX_SHARE,
            )
        if self.policy.every_epochs > 1:
            return epoch % self.policy.every_epochs == 0
        cost = self.costs.seconds(cgroups.cores())
        every = epochs_between(cost, self._epoch_seconds, copying)
        if every > 1 and not self._logged_every / 2 < every < self._logged_every * 2:
            self._logged_every = every
            log.info(
                "A checkpoint takes about %.1f s, and an epoch %.1f s: checkpoints are now about %d epochs apart; "
                "spec.training.checkpoint.everySeconds limits the time that a kill can lose.",
                cost,
                self._epoch_seconds,
                every,
            )
        return epoch >= self._last_epoch + every or self.due_within()

    def before_validation(self) -> ValidationBackup:
        """Return a copy of the state that validation changes. Call it just before validation."""
        return ValidationBackup(self.model, self.callbacks)

    def resume(self, snapshot: Snapshot) -> None:
        """Continue after a checkpoint whose state was restored to the model: also restore its best weights."""
        self._begins_after = snapshot.state.position.epoch
        if self.best_weights is not None:
            self.best_weights.resume(snapshot.state.best, snapshot.best_weights)

    def keep_best(self, epoch: int) -> None:
        """Copy the weights of an epoch that has ended and is the best so far, unless best weights are not kept."""
        if self.best_weights is not None:
            self.best_weights.take(epoch)

    def capture(self, position: Position, history: Sequence[Epoch], seconds: float) -> Snapshot:
        """Return a copy of the training's present state in memory.

        The caller must pass the result to `store`, because an earlier checkpoint that still waits to be written is
        dropped.

        Raises:
            Failure: ScratchFull.
        """
        with self.costs.capturing():
            for callback in self.callbacks:
                if isinstance(callback, keras.callbacks.TensorBoard):
                    for writer in callback._writers.values():  # noqa: SLF001 - buffered events are not in the file yet
                        writer.flush()
            files = self.files.take()
            snapshot = Snapshot.of(
                self.model,
                self.callbacks,
                position=position,
                history=history,
                seconds=seconds,
                facts=self.facts,
                attempt=self.attempt,
                files=files,
                versions=self.versions,
                best_weights=self.best_weights.kept if self.best_weights else None,
                spare=self.writer.reclaim_arrays(),
            )
        self._last_epoch = len(history)
        self._epoch_seconds = median([epoch.seconds for epoch in history[-_RECENT:]] or [0.0])
        return snapshot

    def store(self, snapshot: Snapshot) -> None:
        """Queue a checkpoint for the background writer, and restart the time for everySeconds."""
        self._last = time.monotonic()
        self.writer.put(snapshot)
