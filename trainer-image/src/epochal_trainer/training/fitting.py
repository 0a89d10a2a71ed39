"""The training stage of an attempt: resume, train under the watchdog, report, and store checkpoints."""

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
"""Folder for the files of a checkpoint that is being stored or restored."""
_LAST_WORDS_SECONDS = 30.0
"""Seconds of the grace period that remain after the last checkpoint, for the log and the last report."""
_OLD_CHECKPOINT_SECONDS = 20.0
"""Seconds that a failed training waits until an earlier checkpoint is stored."""
_LOOK_EVERY = 0.5
"""Seconds between two checks for a stop request, while the last checkpoint is stored."""
_ASK_SECONDS = 5.0
"""Seconds that a new training waits for the operator's answer, which may ask it to finish early."""


@dataclass(frozen=True)
class Trained:
    """The result of a training, apart from the model.

    Args:
        epochs: All epochs, with those of earlier attempts.
        finished_early: Whether the training finished early on request (spec.finish).
        stopped: Whether the training stopped after spec.training.stopAfterEpoch, before its last epoch.
        holds: The epoch whose weights the model holds.
        as_good: Whether `holds` is an epoch other than the best epoch, with the same value of the monitored metric.
        best: The best epoch.
        before: The best epoch of the trainings that this training continues, if that epoch was better.
        kept: The weights of the best epoch, if they were kept.
        lost: The better epoch whose weights were lost, if there is one.
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
    """Trains a model and stores its checkpoints.

    Args:
        training: How to train.
        scratch: Folder for files of this attempt.
        stopping: Holds the request to stop, and its time.
        reporter: Sends the state of the training to the operator.
        watchdog: Called at each step.
        versions: Versions of the software that the result depends on.
        costs: Collects the time and size of checkpoints.
        finish: Holds the request to finish early.
        monitor: The monitored metric, which ranks the epochs.
        keeps_best: Whether the weights of the best epoch are kept.
        checks: Checks the training, and warns.
        recipe: Digest of all inputs that determine the epochs.
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
        """Train the model, and return after the last checkpoint is stored.

        Args:
            model: The model, compiled, its metrics built.
            data: The data sets for training and validation.
            callbacks: The user's callbacks.
            start: The checkpoint to resume from, if there is one.
            store: Stores checkpoints.
            attempt: The number of the attempt.
            on_epoch: Called with the epochs so far at the end of each epoch. It must not block.

        Returns:
            The result of the training.

        Raises:
            Failure: If the training fails, or storing it fails.
            Terminated: If the process received a signal to stop.
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
            # No results are made from the epochs of another training alone.
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
        """Return the description of the training that its checkpoints will store."""
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
        return checkpoint.continued_facts(start, facts, self.monitor)

    def _trained(
        self,
        model: keras.Model,
        progress: Progress,
        callbacks: Sequence[Any],
        kept: checkpoint.Kept | None,
        facts: checkpoint.Facts,
    ) -> Trained:
        """Report and return the result of the training."""
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
        """Return an epoch's value of the monitored metric, or None if the epoch cannot be the best epoch."""
        return epoch.metrics.get(self.monitor.metric) if epoch.comparable else None

    def _value_of(self, number: int | None, epochs: Sequence[Epoch]) -> float | None:
        """Return the monitored metric's value in the epoch with a number, counted from 1; None without a number."""
        return epochs[number - 1].metrics.get(self.monitor.metric) if number is not None else None

    def _put_back(self, start: checkpoint.Start, files: checkpoint.Files, scalars: Scalars) -> None:
        """Restore the files and the TensorBoard scalars of a checkpoint. A log of another training is not restored."""
        copies = start.snapshot.files
        files.put_back({path: copy for path, copy in copies.items() if start.own or path != LOG})
        for epoch in start.snapshot.history:
            scalars.write(epoch)

    def _flush(self, writer: checkpoint.Writer) -> None:
        """Wait until the last checkpoint is stored, because another training may continue from it."""
        while not writer.flush(_LOOK_EVERY):
            writer.check()
            self.stopping.check()
        self.stopping.check()  # Not checked since the last step: a newer attempt may be storing the results.


def reached_before(start: checkpoint.Start | None, monitor: Monitor | None = None) -> dict[str, Any]:
    """Return the progress of earlier attempts as fields of a report, so that the status never shows less progress.

    The best epoch is missing until the monitored metric is known, which depends on the data.

    Args:
        start: The checkpoint to resume from, if there is one.
        monitor: The monitored metric; None while it is unknown.
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
