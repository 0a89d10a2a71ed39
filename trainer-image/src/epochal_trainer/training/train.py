"""The training stage of an attempt: resume, train under the watchdog, report, and store checkpoints."""

import logging
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import keras
from epochal_api.pod import GRACE_SECONDS
from epochal_api.trainingjob.spec import TrainingJob

from epochal_trainer import checkpoint
from epochal_trainer import job as jobs
from epochal_trainer.data.samples import DataSets
from epochal_trainer.lib.signals import Terminated
from epochal_trainer.model import callbacks as user_callbacks
from epochal_trainer.model.compile import described_loss, described_optimizer
from epochal_trainer.reporting import history
from epochal_trainer.reporting.best import Monitor, best
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.results import CALLBACKS, LOG, TENSORBOARD
from epochal_trainer.reporting.tensorboard import Scalars
from epochal_trainer.training import fit
from epochal_trainer.training.checks import Checks
from epochal_trainer.training.context import Context
from epochal_trainer.training.models import Trained
from epochal_trainer.training.progress import Progress

log = logging.getLogger(__name__)

STAGING = "checkpoint"
"""Folder for the files of a checkpoint that is being stored or restored."""
_LAST_WORDS_SECONDS = 30.0
"""Seconds of the grace period that remain after the last checkpoint, for the log and the last report."""
_OLD_CHECKPOINT_SECONDS = 20.0
"""Seconds that a failed training waits until an earlier checkpoint is stored."""
_STOP_CHECK_SECONDS = 0.5
"""Seconds between two checks for a stop request, while the last checkpoint is stored."""
_ANSWER_SECONDS = 5.0
"""Seconds that a new training waits for the operator's answer, which may ask it to finish early."""


def train(
    context: Context,
    model: keras.Model,
    data: DataSets,
    callbacks: Sequence[Any],
    *,
    monitor: Monitor,
    checks: Checks,
    start: checkpoint.Start | None,
    store: checkpoint.Store,
    attempt: int,
    on_epoch: Callable[[Sequence[Epoch]], None],
) -> Trained:
    """Train the model, and return after the last checkpoint is stored.

    Args:
        context: The TrainingJob, and the objects of the run.
        model: The model, compiled, its metrics built.
        data: The data sets for training and validation.
        callbacks: The user's callbacks.
        monitor: The monitored metric, which ranks the epochs.
        checks: Checks the training, and warns.
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
    training, reporter, stopping = context.job.spec.training, context.reporter, context.stopping
    order = data.train.order(batch_size=training.batch_size, seed=training.seed)
    facts = _facts(context.job, data, start, monitor)
    files = checkpoint.Files(context.scratch, [CALLBACKS, LOG], context.scratch / STAGING)
    scalars = Scalars(context.scratch / TENSORBOARD)
    costs = checkpoint.Costs()
    writer = checkpoint.Writer(store.write, costs)
    weights = checkpoint.BestWeights(model, callbacks, costs) if context.keeps_best else None

    def on_epoch_end(epochs: Sequence[Epoch]) -> None:
        scalars.write(epochs[-1])
        on_epoch(epochs)
        checks.epochs(epochs)
        reporter.update(**_reached(epochs, monitor))

    lost = _value_of(facts.lost, start.snapshot.history, monitor) if start else None
    progress = Progress(
        training,
        steps=order.steps,
        stopping=stopping,
        monitor=monitor,
        on_epoch=on_epoch_end,
        on_step=context.watchdog.at,
        checkpointer=checkpoint.Checkpointer(
            training.checkpoint,
            model=model,
            callbacks=callbacks,
            files=files,
            writer=writer,
            costs=costs,
            facts=facts,
            attempt=attempt,
            versions=versions(),
            best=weights,
        ),
        finish=context.finish,
        # No results are made from the epochs of another training alone.
        least=1 if start is None or start.own else start.snapshot.state.position.epoch + 1,
        without_weights=[value for value in (facts.before.value if facts.before else None, lost) if value is not None],
    )
    sizes = training.epochs, order.steps, order.batch_size
    log.info("Training: %d epochs of %d steps of %d samples, in %s", *sizes, training.precision)
    if training.stop_after_epoch is not None:
        log.info("It stops after epoch %d (spec.training.stopAfterEpoch)", training.stop_after_epoch)
    checks.resumed(facts)  # Before the checkpoint is refused because of other data.
    start = checkpoint.fitted(start, model, facts, versions()) if start else None
    if start is not None:
        checks.best_weights(facts.lost or start.snapshot.lost)
        # The log of another training is not restored.
        copies = start.snapshot.files
        files.put_back({path: copy for path, copy in copies.items() if start.own or path != LOG})
        for epoch in start.snapshot.history:
            scalars.write(epoch)
        progress.resume(start.snapshot)
        log.info("Going on from %s", start)
    reporter.position = progress.position
    reporter.update(stage="Training", **reached_before(start, monitor) | {"steps_per_epoch": order.steps})
    reporter.settle(_ANSWER_SECONDS)
    _fit(context, model, data, callbacks, progress=progress, writer=writer, start=start.snapshot if start else None)
    reporter.position = dict
    scalars.close()
    checks.epochs(progress.history)  # The resumed training may have had no epochs left.
    _report_end(context, progress)
    held = user_callbacks.restored_epoch(callbacks)
    averages = user_callbacks.leaves_averages(model.optimizer, callbacks)
    trained = _result(progress, facts, monitor, held=held, averages=averages, kept=weights.kept if weights else None)
    return replace(trained, checkpoints=costs.dump())


def _fit(
    context: Context,
    model: keras.Model,
    data: DataSets,
    callbacks: Sequence[Any],
    *,
    progress: Progress,
    writer: checkpoint.Writer,
    start: checkpoint.Snapshot | None,
) -> None:
    """Run Keras' fit under the watchdog, and wait until the last checkpoint is stored."""
    training, stopping = context.job.spec.training, context.stopping
    with stopping.deferred():
        try:
            with context.watchdog.watched(training.stall_seconds):
                fit.fit(
                    model,
                    training,
                    train=data.train,
                    validation=data.validation,
                    callbacks=callbacks,
                    progress=progress,
                    start=start,
                )
            # Another training may continue from the last checkpoint.
            while not writer.flush(_STOP_CHECK_SECONDS):
                writer.check()
                stopping.check()
            stopping.check()  # Not checked since the last step: a newer attempt may be storing the results.
        except Terminated:
            if not writer.flush(GRACE_SECONDS - _LAST_WORDS_SECONDS - stopping.seconds):
                log.warning("The last checkpoint could not be stored in time: the one before it will be used.")
            raise
        except Exception:
            writer.flush(_OLD_CHECKPOINT_SECONDS)
            raise
        finally:
            writer.close()


def _report_end(context: Context, progress: Progress) -> None:
    """Report and log the last epoch, and why there are no more."""
    ended, epochs = len(progress.history), context.job.spec.training.epochs
    context.reporter.update(
        step=0,
        seconds_left=None,
        finish_after_epoch=ended if progress.finished_early else None,
        stopped_after_epoch=ended if progress.stopped else None,
    )
    if progress.stopped:
        log.info("Stopped after epoch %d of %d (spec.training.stopAfterEpoch)", ended, epochs)
    elif progress.finished_early:
        log.info("Finished early on request (spec.finish), after epoch %d of %d", ended, epochs)
    elif ended < epochs:
        log.info("Stopped early, after epoch %d of %d", ended, epochs)


def _result(
    progress: Progress,
    facts: checkpoint.Facts,
    monitor: Monitor,
    *,
    held: int | None,
    averages: bool,
    kept: checkpoint.Kept | None,
) -> Trained:
    """Return the result of a training.

    Args:
        progress: The progress of the training.
        facts: The description of the training in its checkpoints.
        monitor: The monitored metric.
        held: The epoch whose weights a callback has restored; None for the last epoch.
        averages: Whether the model holds averaged weights that no epoch was validated with.
        kept: The weights that were kept last.
    """
    epochs, found = progress.history, best(progress.history, monitor)
    holds = held or len(epochs)
    result = Trained(
        epochs, finished_early=progress.finished_early, stopped=progress.stopped, holds=holds, best=found, kept=None
    )
    if found is None:
        return result
    before, lost = facts.before, _value_of(facts.lost, epochs, monitor)
    equal = epochs[holds - 1].comparable and _value_of(holds, epochs, monitor) == found.value
    return replace(
        result,
        kept=kept if kept and kept.epoch == found.epoch else None,
        as_good=found.epoch != holds and equal and not averages,
        before=before if before and monitor.better(before.value, found.value) else None,
        lost=facts.lost if lost is not None and monitor.better(lost, found.value) else None,
    )


def _facts(job: TrainingJob, data: DataSets, start: checkpoint.Start | None, monitor: Monitor) -> checkpoint.Facts:
    """Return the description of the training that its checkpoints will store."""
    training = job.spec.training
    order = data.train.order(batch_size=training.batch_size, seed=training.seed)
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
        recipe=jobs.recipe(job),
    )
    return checkpoint.continued_facts(start, facts, monitor)


def _value_of(number: int | None, epochs: Sequence[Epoch], monitor: Monitor) -> float | None:
    """Return the monitored metric's value in the epoch with a number, counted from 1; None without a number."""
    return epochs[number - 1].metrics.get(monitor.metric) if number is not None else None


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


def versions() -> dict[str, str]:
    """Return the versions of the packages that a result depends on."""
    packages = {"epochal": "epochal-trainer"} | {name: name for name in ("keras", keras.config.backend(), "numpy")}
    return {"python": platform.python_version()} | {name: version(package) for name, package in packages.items()}
