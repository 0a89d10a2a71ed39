"""Runs the training stage of an attempt: resume, train under the watchdog, report, and store checkpoints."""

import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import keras
from epochal_api.pod import GRACE_SECONDS
from epochal_api.trainingjob.spec import TrainingJob

from epochal_trainer import checkpoint
from epochal_trainer import job as jobs
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.lib.signals import Terminated
from epochal_trainer.model import callbacks as user_callbacks
from epochal_trainer.model.compile import loss_spec, optimizer_spec
from epochal_trainer.reporting import history
from epochal_trainer.reporting.best import Monitor, find_best_epoch
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.results import CALLBACKS, LOG, TENSORBOARD
from epochal_trainer.reporting.tensorboard import Scalars
from epochal_trainer.training import fit
from epochal_trainer.training.checks import WarningChecks
from epochal_trainer.training.context import Context
from epochal_trainer.training.models import TrainingResult
from epochal_trainer.training.progress import TRAINING, Progress

log = logging.getLogger(__name__)

STAGING = "checkpoint"
"""Local folder for the files of a checkpoint that is being stored or restored."""
_SHUTDOWN_SECONDS = 30.0
"""Seconds of the pod's grace period that are reserved for the log and the last report, after the last checkpoint."""
_OLD_CHECKPOINT_SECONDS = 20.0
"""Maximum seconds that a failed training waits until its previous checkpoint is stored."""
_TERMINATION_CHECK_SECONDS = 0.5
"""Seconds between two checks for SIGTERM or Ctrl-C, while the last checkpoint is stored."""
_ANSWER_SECONDS = 5.0
"""Maximum seconds before the first step to wait for the operator's answer, which may contain a new spec.finish."""


def run_training_stage(
    context: Context,
    model: keras.Model,
    data: TrainingData,
    callbacks: Sequence[Any],
    *,
    network_files: Mapping[str, str],
    monitor: Monitor,
    checks: WarningChecks,
    resume_point: checkpoint.ResumePoint | None,
    store: checkpoint.Store,
    attempt: int,
    on_epoch: Callable[[Sequence[Epoch]], None],
) -> TrainingResult:
    """Train the model, and return the result after the last checkpoint is stored.

    The model is compiled, and its metrics are built. `network_files` are the SHA-256, by URI, of the files that the
    network comes from. `resume_point` is the checkpoint to start from, or None; the caller must not use it afterwards.
    `on_epoch` is called with all finished epochs at the end of each epoch, and must not block.

    Raises:
        Failure: If the training fails, or a checkpoint cannot be stored.
        Terminated: If a signal requested the termination.
    """
    training, reporter, termination_request = context.job.spec.training, context.reporter, context.termination_request
    order = data.train.order(batch_size=training.batch_size, seed=training.seed, steps=training.steps_per_epoch)
    facts = _facts(context.job, data, resume_point, monitor, network_files)
    files = checkpoint.Files(context.scratch, [CALLBACKS, LOG], context.scratch / STAGING)
    scalars = Scalars(context.scratch / TENSORBOARD)
    costs = checkpoint.Costs()
    writer = checkpoint.Writer(store.write, costs)
    best_weights = checkpoint.BestWeights(model, callbacks, costs) if context.keeps_best else None

    def on_epoch_end(epochs: Sequence[Epoch]) -> None:
        scalars.write(epochs[-1])
        on_epoch(epochs)
        checks.check_epochs(epochs)
        reporter.send(**TRAINING, **_progress_of_epochs(epochs, monitor))

    lost_value = _epoch_value(facts.lost_best_epoch, resume_point.snapshot.history, monitor) if resume_point else None
    better_values = (facts.earlier_best.value if facts.earlier_best else None, lost_value)
    progress = Progress(
        training,
        steps=order.steps,
        termination_request=termination_request,
        monitor=monitor,
        on_epoch=on_epoch_end,
        on_step=context.watchdog.record_step,
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
            best_weights=best_weights,
        ),
        finish=context.finish,
        # An early finish comes after at least one epoch of this training, because its results need one.
        min_epochs=1 if resume_point is None or resume_point.is_own else resume_point.snapshot.state.position.epoch + 1,
        values_without_weights=[value for value in better_values if value is not None],
    )
    sizes = training.epochs, order.steps, order.batch_size
    log.info("Training: %d epochs of %d steps of %d samples, in %s", *sizes, training.precision)
    if training.stop_after_epoch is not None:
        log.info("The training stops after epoch %d (spec.training.stopAfterEpoch)", training.stop_after_epoch)
    # Before `match_to_model`, which may refuse the checkpoint: the warning about changed data explains the refusal.
    checks.check_resume(facts)
    resume_point = checkpoint.match_to_model(resume_point, model, facts, versions()) if resume_point else None
    if resume_point is not None:
        checks.check_best_weights(facts.lost_best_epoch or resume_point.snapshot.newly_lost_best_epoch)
        # The log of another training is not restored.
        copies = resume_point.snapshot.files
        files.restore({path: copy for path, copy in copies.items() if resume_point.is_own or path != LOG})
        for epoch in resume_point.snapshot.history:
            scalars.write(epoch)
        progress.resume(resume_point.snapshot)
        log.info("Resuming from %s", resume_point)
    reporter.step_fields = progress.step_fields
    first = {"start_stage": "ComputingFirstStep", "steps_per_epoch": order.steps}
    reporter.send(**reported_progress(resume_point, monitor) | first)
    reporter.wait_for_answer(_ANSWER_SECONDS)
    snapshot = resume_point.snapshot if resume_point is not None else None
    _fit_and_flush(context, model, data, callbacks, progress=progress, writer=writer, snapshot=snapshot)
    reporter.clear_step_fields()  # Not after an error: the last report then names the step at which it happened.
    scalars.close()
    checks.check_epochs(progress.history)  # The resumed training may have had no epochs left.
    _report_end(context, progress)
    result = _result(
        progress,
        facts,
        monitor,
        restored_epoch=user_callbacks.restored_epoch(callbacks),
        has_averages=user_callbacks.ends_with_averages(model.optimizer, callbacks),
        kept=best_weights.kept if best_weights else None,
    )
    return replace(result, checkpoints=costs.dump())


def _fit_and_flush(
    context: Context,
    model: keras.Model,
    data: TrainingData,
    callbacks: Sequence[Any],
    *,
    progress: Progress,
    writer: checkpoint.Writer,
    snapshot: checkpoint.Snapshot | None,
) -> None:
    """Run Keras' fit under the watchdog, and wait for the last checkpoint; after an error, only for limited time."""
    training, termination_request = context.job.spec.training, context.termination_request
    with termination_request.deferred():
        try:
            with context.watchdog.watch(training.stall_seconds):
                fit.fit_or_resume(
                    model,
                    training,
                    train=data.train,
                    validation=data.validation,
                    callbacks=callbacks,
                    progress=progress,
                    snapshot=snapshot,
                )
            # Another training may continue from the last checkpoint.
            while not writer.flush(_TERMINATION_CHECK_SECONDS):
                writer.check()
                termination_request.check()
            termination_request.check()  # Not checked since the last step: a newer attempt may be storing the results.
        except Terminated:
            if not writer.flush(GRACE_SECONDS - _SHUTDOWN_SECONDS - termination_request.seconds):
                log.warning(
                    "The last checkpoint was not stored in time: a retry resumes from an earlier checkpoint, if any."
                )
            raise
        except Exception:
            writer.flush(_OLD_CHECKPOINT_SECONDS)
            raise
        finally:
            writer.close()


def _report_end(context: Context, progress: Progress) -> None:
    """Report and log the last epoch, and why the training ended before all of its planned epochs, if it did."""
    finished, epochs = len(progress.history), context.job.spec.training.epochs
    context.reporter.set_fields(  # The report of the last epoch has just been sent.
        step=0,
        seconds_left=None,
        finish_after_epoch=finished if progress.finished_early else None,
        stopped_after_epoch=finished if progress.stopped else None,
    )
    if progress.stopped:
        log.info("Stopped after epoch %d of %d (spec.training.stopAfterEpoch)", finished, epochs)
    elif progress.finished_early:
        log.info("Finished early on request (spec.finish), after epoch %d of %d", finished, epochs)
    elif finished < epochs:
        log.info("Stopped early, after epoch %d of %d", finished, epochs)


def _result(
    progress: Progress,
    facts: checkpoint.ResumeFacts,
    monitor: Monitor,
    *,
    restored_epoch: int | None,
    has_averages: bool,
    kept: checkpoint.EpochWeights | None,
) -> TrainingResult:
    """Return the result of a training.

    `restored_epoch` is the epoch whose weights a callback has restored; None without. `has_averages` is true if the
    model has averaged weights that no validation has used. `kept` are the weights of the last best epoch, or None.
    """
    epochs, best_epoch = progress.history, find_best_epoch(progress.history, monitor)
    model_epoch = restored_epoch or len(epochs)
    result = TrainingResult(
        epochs,
        finished_early=progress.finished_early,
        stopped=progress.stopped,
        model_epoch=model_epoch,
        best_epoch=best_epoch,
        best_weights=kept if kept and best_epoch and kept.epoch == best_epoch.epoch else None,
    )
    if best_epoch is None:
        return result
    before, lost = facts.earlier_best, facts.lost_best_epoch
    lost_value = _epoch_value(lost, epochs, monitor)
    has_best_value = _epoch_value(model_epoch, epochs, monitor) == best_epoch.value
    is_equal = epochs[model_epoch - 1].eligible and has_best_value
    return replace(
        result,
        is_tied=best_epoch.epoch != model_epoch and is_equal and not has_averages,
        earlier_best=before if before and monitor.is_better(before.value, best_epoch.value) else None,
        better_lost_epoch=lost if lost_value is not None and monitor.is_better(lost_value, best_epoch.value) else None,
    )


def _facts(
    job: TrainingJob,
    data: TrainingData,
    resume_point: checkpoint.ResumePoint | None,
    monitor: Monitor,
    network_files: Mapping[str, str],
) -> checkpoint.ResumeFacts:
    """Return the data order, loss, files and versions of a training. Checkpoints store them to check a later resume."""
    training = job.spec.training
    order = data.train.order(batch_size=training.batch_size, seed=training.seed, steps=training.steps_per_epoch)
    facts = checkpoint.ResumeFacts(
        loss=loss_spec(training),
        callbacks=user_callbacks.callback_specs(training.callbacks),
        samples=order.samples,
        batch_size=order.batch_size,
        steps=order.steps,
        seed=order.seed,
        optimizer=optimizer_spec(training),
        data=data.digests,
        split_parameters=data.split_parameters,
        training_digest=jobs.training_digest(job, network_files),
        network_files=dict(network_files),
    )
    return checkpoint.continued_facts(resume_point, facts, monitor)


def _epoch_value(number: int | None, epochs: Sequence[Epoch], monitor: Monitor) -> float | None:
    """Return the monitored metric's value in the epoch with this number (from 1); None if the number is None."""
    return epochs[number - 1].metrics.get(monitor.metric) if number is not None else None


def reported_progress(resume_point: checkpoint.ResumePoint | None, monitor: Monitor | None = None) -> dict[str, Any]:
    """Return the progress in a checkpoint as fields of a report, so that the status never shows less than before.

    Without `monitor`, which is known only after the data is loaded, the best epoch is missing.
    """
    if resume_point is None:
        return {}
    state, epochs = resume_point.snapshot.state, resume_point.snapshot.history
    position = {"epoch": state.position.epoch, "step": state.position.step, "steps_per_epoch": state.facts.steps}
    return position | (_progress_of_epochs(epochs, monitor) if epochs else {})


def _progress_of_epochs(epochs: Sequence[Epoch], monitor: Monitor | None) -> dict[str, Any]:
    last = epochs[-1]
    return {
        "epoch": last.number,
        "seconds_per_epoch": last.seconds,
        "metrics": history.report_metrics(last.metrics, monitor.metric if monitor else "loss"),
        "best": find_best_epoch(epochs, monitor) if monitor else None,
    }


def versions() -> dict[str, str]:
    """Return the versions of Python, the trainer, Keras, its backend and NumPy, on which a result depends."""
    packages = {"epochal": "epochal-trainer"} | {name: name for name in ("keras", keras.config.backend(), "numpy")}
    return {"python": platform.python_version()} | {name: version(package) for name, package in packages.items()}
