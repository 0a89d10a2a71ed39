"""The stage of training: from a checkpoint or from the beginning, watched, reported, stored step by step."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from epochal_api.pod import GRACE_SECONDS
from epochal_api.report import BestEpoch
from epochal_api.training import Training

from epochal_trainer import checkpoint
from epochal_trainer.data import DataSets, Order
from epochal_trainer.lib.signals import Stopping, Terminated
from epochal_trainer.model import callbacks as user_callbacks
from epochal_trainer.model.compile import described_loss, described_optimizer
from epochal_trainer.reporting import history
from epochal_trainer.reporting.best import Monitor, best
from epochal_trainer.reporting.finish import Finish
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.reporter import Reporter
from epochal_trainer.reporting.results import CALLBACKS, LOG, TENSORBOARD
from epochal_trainer.reporting.tensorboard import Scalars
from epochal_trainer.training import loop
from epochal_trainer.training.checks import Checks
from epochal_trainer.training.progress import Progress
from epochal_trainer.training.watchdog import Watchdog

log = logging.getLogger(__name__)

STAGING = "checkpoint"
"""Folder for what is on its way to a checkpoint, or from one."""
_LAST_WORDS_SECONDS = 30.0
"""What is left of the grace once a checkpoint is stored, for the log and the last report."""
_OLD_CHECKPOINT_SECONDS = 20.0
"""How long a training that failed waits for a checkpoint that was taken before."""
_LOOK_EVERY = 0.5
"""Seconds between two looks at whether to stop, while the last checkpoint is stored."""
_ASK_SECONDS = 5.0
"""How long a training that begins waits for its operator to say whether it is to go on at all."""


@dataclass(frozen=True)
class Trained:
    """What a training has come to, beside the model.

    Args:
        epochs: The epochs, those before this attempt too.
        finished_early: Whether it was finished early, as it was asked to.
        stopped: Whether it has stopped where it was to stop, with more epochs to come.
        holds: The epoch whose weights the model holds.
        as_good: Whether that is another one than the best epoch, and as good.
        best: The best epoch.
        before: The best epoch of the trainings that this one went on from, if it was better.
        kept: The weights of the best epoch, if they were kept.
        lost: The epoch that was better, if its weights were lost.
    """

    epochs: Sequence[Epoch]
    finished_early: bool
    stopped: bool
    holds: int
    best: BestEpoch | None
    kept: checkpoint.Kept | None
    as_good: bool = False
    before: checkpoint.Before | None = None
    lost: int | None = None


@dataclass(frozen=True)
class Fitting:
    """Trains a model, and keeps checkpoints of it.

    Args:
        training: How to train.
        scratch: Folder for files of this attempt.
        stopping: Says when to stop.
        reporter: Takes what is to be reported.
        watchdog: Takes each step.
        versions: Versions of what the result depends on.
        costs: Takes what checkpoints cost.
        finish: Says whether to finish early.
        monitor: What tells the best epoch.
        keeps_best: Whether the weights of the best epoch are kept.
        checks: Takes what is trained.
        recipe: Digest of all that the epochs follow from.
    """

    training: Training
    scratch: Path
    stopping: Stopping
    reporter: Reporter
    watchdog: Watchdog
    versions: Mapping[str, str]
    costs: checkpoint.Costs
    finish: Finish
    monitor: Monitor
    keeps_best: bool
    checks: Checks
    recipe: str

    def run(
        self,
        model: keras.Model,
        data: DataSets,
        callbacks: Sequence[Any],
        *,
        start: checkpoint.Start | None,
        store: checkpoint.Store,
        attempt: int,
        on_epoch: Callable[[Sequence[Epoch]], None],
    ) -> Trained:
        """Trains, and returns once the last checkpoint is stored.

        Args:
            model: The model, compiled, its metrics built.
            data: What to train on and to validate on.
            callbacks: The user's callbacks.
            start: What was found to go on from, if anything.
            store: Takes checkpoints.
            attempt: The attempt.
            on_epoch: Takes the epochs so far when one has ended. It waits for nothing.

        Returns:
            What it has come to.

        Raises:
            Failure: If the training, or storing it, has come to an end.
            Terminated: If it was told to stop.
        """
        training = self.training
        order = data.train.order(batch_size=training.batch_size, seed=training.seed)
        facts = self._facts(data, order, start)
        self.checks.facts(facts)
        files = checkpoint.Files(self.scratch, [CALLBACKS, LOG], self.scratch / STAGING)
        scalars = Scalars(self.scratch / TENSORBOARD)

        def on_epoch_end(epochs: Sequence[Epoch]) -> None:
            scalars.write(epochs[-1])
            on_epoch(epochs)
            self.reporter.update(**_reached(epochs, self.monitor))

        writer = checkpoint.Writer(store.write, self.costs)
        weights = checkpoint.BestWeights(model, callbacks, self.costs) if self.keeps_best else None
        progress = Progress(
            epochs=training.epochs,
            steps=order.steps,
            stopping=self.stopping,
            monitor=self.monitor,
            on_epoch=on_epoch_end,
            on_step=self.watchdog.at,
            checkpointer=checkpoint.Checkpointer(
                training.checkpoint,
                model=model,
                callbacks=callbacks,
                files=files,
                writer=writer,
                costs=self.costs,
                facts=facts,
                attempt=attempt,
                versions=self.versions,
                best=weights,
            ),
            ends_on_nan=training.terminate_on_nan,
            finish=self.finish,
            # Of another training's epochs alone no results are made.
            least=1 if start is None or start.own else start.snapshot.state.position.epoch + 1,
            stop_after=training.stop_after_epoch,
            before=facts.before,
            lost=self._value_of(facts.lost, start.snapshot.history) if start else None,
        )
        sizes = training.epochs, order.steps, order.batch_size
        log.info("Training: %d epochs of %d steps of %d samples, in %s", *sizes, training.precision)
        if training.stop_after_epoch is not None:
            log.info("It stops after epoch %d (spec.training.stopAfterEpoch)", training.stop_after_epoch)
        start = checkpoint.fitted(start, model, facts, self.versions) if start else None
        if start is not None:
            self.checks.start(facts.lost or start.snapshot.lost)
            self._put_back(start, files, scalars)
            progress.resume(start.snapshot)
            log.info("Going on from %s", start)
        self.reporter.position = progress.position
        reached = reached_before(start, self.monitor)
        self.reporter.update(stage="Training", **{**reached, "steps_per_epoch": order.steps})
        self.reporter.settle(_ASK_SECONDS)
        with self.stopping.deferred():
            try:
                with self.watchdog.watched(training.stall_seconds):
                    loop.fit(
                        model,
                        training,
                        train=data.train,
                        validation=data.validation,
                        callbacks=callbacks,
                        progress=progress,
                        start=start.snapshot if start else None,
                    )
                self._flush(writer)
            except Terminated:
                if not writer.flush(GRACE_SECONDS - _LAST_WORDS_SECONDS - self.stopping.seconds):
                    log.warning("The last checkpoint could not be stored in time: the one before it will be used.")
                raise
            except Exception:
                writer.flush(_OLD_CHECKPOINT_SECONDS)
                raise
            finally:
                writer.close()
        self.reporter.position = dict
        scalars.close()
        return self._trained(model, progress, callbacks, weights.kept if weights else None, facts)

    def _facts(self, data: DataSets, order: Order, start: checkpoint.Start | None) -> checkpoint.Facts:
        """Returns what checkpoints will say of what is trained."""
        training = self.training
        facts = checkpoint.Facts(
            loss=described_loss(training),
            callbacks=user_callbacks.described(training.callbacks),
            samples=order.samples,
            batch_size=order.batch_size,
            steps=order.steps,
            seed=order.seed,
            optimizer=described_optimizer(training),
            data=data.digests,
            division=data.division,
            recipe=self.recipe,
        )
        if start is not None and checkpoint.validates_on_trained(start, facts):
            facts = facts.model_copy(update={"seen": True})
        before = checkpoint.best_before(start, facts, self.monitor)
        lost = checkpoint.lost_best(start, facts, self.monitor)
        changed = checkpoint.data_changed(start, facts) if start is not None else None
        return facts.model_copy(update={"before": before, "lost": lost, "data_changed": changed})

    def _trained(
        self,
        model: keras.Model,
        progress: Progress,
        callbacks: Sequence[Any],
        kept: checkpoint.Kept | None,
        facts: checkpoint.Facts,
    ) -> Trained:
        """Reports and returns what the training has come to."""
        epochs, early, ended = progress.history, progress.finished_early, len(progress.history)
        self.reporter.update(
            step=0,
            seconds_left=None,
            finish_after_epoch=ended if early else None,
            stopped_after_epoch=ended if progress.stopped else None,
        )
        if progress.stopped:
            log.info("Stopped after epoch %d of %d (spec.training.stopAfterEpoch)", ended, self.training.epochs)
        elif early:
            log.info("Finished early on request (spec.finish), after epoch %d of %d", ended, self.training.epochs)
        elif ended < self.training.epochs:
            log.info("Stopped early, after epoch %d of %d", ended, self.training.epochs)
        found, before, lost = best(epochs, self.monitor), facts.before, facts.lost
        was = self._value_of(lost, epochs)
        holds = user_callbacks.restored_epoch(callbacks) or ended
        as_good = found is not None and found.epoch != holds and self._value(epochs[holds - 1]) == found.value
        return Trained(
            epochs,
            finished_early=early,
            stopped=progress.stopped,
            holds=holds,
            best=found,
            kept=kept if kept and found and kept.epoch == found.epoch else None,
            as_good=as_good and not user_callbacks.leaves_averages(model.optimizer, callbacks),
            before=before if before and found and self.monitor.better(before.value, found.value) else None,
            lost=lost if was is not None and found and self.monitor.better(was, found.value) else None,
        )

    def _value(self, epoch: Epoch) -> float | None:
        """Returns the value of what tells the best epoch in one that may be it."""
        return epoch.metrics.get(self.monitor.metric) if epoch.comparable else None

    def _value_of(self, number: int | None, epochs: Sequence[Epoch]) -> float | None:
        """Returns the value of what tells the best epoch in one of several, each in its place."""
        return epochs[number - 1].metrics.get(self.monitor.metric) if number is not None else None

    def _put_back(self, start: checkpoint.Start, files: checkpoint.Files, scalars: Scalars) -> None:
        """Puts back what was written until a checkpoint was taken. The log is that of one training only."""
        copies = start.snapshot.files
        files.put_back({path: copy for path, copy in copies.items() if start.own or path != LOG})
        for epoch in start.snapshot.history:
            scalars.write(epoch)

    def _flush(self, writer: checkpoint.Writer) -> None:
        """Waits until the last checkpoint is stored: another training may go on from there."""
        while not writer.flush(_LOOK_EVERY):
            writer.check()
            self.stopping.check()
        self.stopping.check()  # Nobody has looked since the last step: another attempt stores what is trained.


def reached_before(start: checkpoint.Start | None, monitor: Monitor | None = None) -> dict[str, Any]:
    """Returns what was reached before this attempt, as fields of a report: no status runs backwards.

    Which epoch is the best is told once it is known what tells it: with the data.

    Args:
        start: What is gone on from, if anything.
        monitor: What tells the best epoch; None while that is not known.
    """
    if start is None:
        return {}
    state, epochs = start.snapshot.state, start.snapshot.history
    at = {"epoch": state.position.epoch, "step": state.position.step, "steps_per_epoch": state.facts.steps}
    return at | (_reached(epochs, monitor) if epochs else {})


def _reached(epochs: Sequence[Epoch], monitor: Monitor | None) -> dict[str, Any]:
    last = epochs[-1]
    return {
        "epoch": last.number,
        "seconds_per_epoch": last.seconds,
        "metrics": history.reported(last.metrics, monitor.metric if monitor else "loss"),
        "best": best(epochs, monitor) if monitor else None,
    }
