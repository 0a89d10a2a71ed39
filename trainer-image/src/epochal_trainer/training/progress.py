"""Follows a training: its position, its epochs, its early end, and its checkpoints."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from epochal_api.trainingjob.report import BestEpoch
from epochal_api.trainingjob.training import Training

from epochal_trainer.checkpoint import Checkpointer, Position, Snapshot, ValidationBackup
from epochal_trainer.lib.failures import bad_data
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.lib.text import format_duration
from epochal_trainer.reporting import history
from epochal_trainer.reporting.best import Monitor, RunningBest
from epochal_trainer.reporting.finish_request import FinishRequest
from epochal_trainer.reporting.history import Epoch

log = logging.getLogger(__name__)

TRAINING: Mapping[str, Any] = {"stage": "Training", "start_stage": None}
"""Fields of every report after the first step of the training, which ends the start stages."""
LOG_INTERVAL = 30.0
"""Seconds between log lines within an epoch."""


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that follows a training: it counts steps, collects epochs, and stops the training when requested.

    Its work per step is a few instructions: Keras calls `on_train_batch_begin` without metric values, so it does not
    wait for the GPU. It runs before the user's callbacks, which may change the metric values of an epoch. The callback
    `after_user_callbacks` runs after the user's callbacks.

    Args:
        training: The spec of the training.
        steps: Number of steps of an epoch.
        termination_request: Whether and when a signal asked the trainer to stop.
        monitor: The monitored metric, which ranks the epochs.
        on_epoch: Called with all finished epochs so far at the end of each epoch.
        on_step: Called at each step, also of validation, with the number of finished epochs and of finished training
            steps in the running epoch.
        checkpointer: Creates checkpoints; None to create no checkpoints.
        finish: The current value of spec.finish.
        min_epochs: Minimum number of finished epochs before an early finish.
        values_without_weights: Values of the monitored metric in epochs whose weights this training does not have: the
            best epoch of the trainings that it continues, and an epoch whose weights were lost.

    Four requests end a training before its last epoch:

    | word | request | end |
    |---|---|---|
    | finish | spec.finish | after the running epoch, complete with results |
    | stop | spec.training.stopAfterEpoch | after that epoch, to be continued by another TrainingJob |
    | terminate | SIGTERM (also of spec.suspend) or Ctrl-C | at the next step, to be resumed from a checkpoint |
    | `stop_training` | a callback, such as EarlyStopping | after the running epoch, complete with results |

    Attributes:
        history: All finished epochs.
        finished_early: Whether the training was finished early because of spec.finish.
        after_user_callbacks: The callback that creates checkpoints after the user's callbacks.
        stopped: Whether the training stopped after spec.training.stopAfterEpoch, before its last epoch.
    """

    def __init__(
        self,
        training: Training,
        *,
        steps: int,
        termination_request: TerminationRequest,
        monitor: Monitor,
        on_epoch: Callable[[Sequence[Epoch]], None],
        on_step: Callable[[int, int], None],
        checkpointer: Checkpointer | None = None,
        finish: FinishRequest | None = None,
        min_epochs: int = 1,
        values_without_weights: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.history: list[Epoch] = []
        self.finished_early = False
        self.stopped = False
        self.after_user_callbacks = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_, **__: self._after_callbacks()
        )
        self._epochs = training.epochs
        self._steps = steps
        self._termination_request = termination_request
        self._monitor = monitor
        self._on_epoch = on_epoch
        self._on_step = on_step
        self._checkpointer = checkpointer
        self._terminate_on_nan = training.terminate_on_nan
        self._finish = finish or FinishRequest()
        self._min_epochs = min_epochs
        self._stop_after = training.stop_after_epoch or training.epochs
        self._values_without_weights = values_without_weights
        self._step = 0
        self._start = (0, 0)
        self._running_best = RunningBest(monitor)
        self._is_best = False
        self._began = time.monotonic()
        self._next_log = math.inf
        self._before_validation: ValidationBackup | None = None
        self._validation_began = self._began

    def step_fields(self) -> dict[str, Any]:
        """Return the fields of a report that change with each step. Safe to call from any thread."""
        last_epoch = self._last_epoch(len(self.history) + 1)
        fields = {"step": self._step, "seconds_left": self._seconds_left(), "finish_after_epoch": last_epoch}
        return {**fields, **TRAINING} if (len(self.history), self._step) != self._start else fields

    def describe_position(self) -> str:
        """Return the running step and epoch as text for users, both counted from 1."""
        return f"step {min(self._step + 1, self._steps)} of {self._steps} of epoch {len(self.history) + 1}"

    def resume(self, snapshot: Snapshot) -> None:
        """Set history, step, and elapsed time of the running epoch from a checkpoint.

        The first call is before the training, for its first report. `fit_or_resume` calls this method again after
        `on_epoch_begin`, which has reset the elapsed time.
        """
        self.history[:] = snapshot.history
        self._running_best = RunningBest(self._monitor, self.history)
        self.finished_early = snapshot.state.finished_early
        self._step = snapshot.state.position.step
        self._start = (len(self.history), self._step)
        self._began = time.monotonic() - snapshot.state.seconds

    def resume_with_checkpointer(self, snapshot: Snapshot) -> None:
        """Call `resume`, also of the checkpointer, after a checkpoint was restored into the model and the callbacks."""
        self.resume(snapshot)
        if self._checkpointer is not None:
            self._checkpointer.resume(snapshot)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start to measure the duration of the epoch."""
        del epoch, logs
        self._began = time.monotonic()
        self._next_log = self._began + LOG_INTERVAL

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Record the step, create a checkpoint if it is due, raise Terminated after a signal, and log progress."""
        del logs
        self._step = batch
        self._on_step(len(self.history), batch)
        if self._checkpointer is not None:
            self._checkpointer.check()
            if self._termination_request.requested or self._checkpointer.due_within():
                self._check_running_loss()
                self._store_checkpoint(self._checkpointer, batch, time.monotonic())
        self._termination_request.check()
        if (now := time.monotonic()) >= self._next_log:
            self._next_log = now + LOG_INTERVAL
            self._check_running_loss()
            seconds_left = self._seconds_left()
            time_left = f"  {format_duration(seconds_left)} left" if seconds_left else ""
            number = f"{len(self.history) + 1:>{len(str(self._epochs))}}"
            log.info("Epoch %s/%d  step %d/%d%s", number, self._epochs, batch, self._steps, time_left)

    def on_test_begin(self, logs: Any = None) -> None:
        """Create a checkpoint before the validation if it is due, else copy the state for a checkpoint during it."""
        del logs
        self._step = self._steps
        self._before_validation = None
        if self._checkpointer is None:
            return
        self._validation_began = time.monotonic()
        if self._checkpointer.due_within():
            self._check_running_loss()
            self._store_checkpoint(self._checkpointer, self._steps, self._validation_began)
        else:
            self._before_validation = self._checkpointer.before_validation()

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Record the validation step. After a signal, store the state from before the validation, raise Terminated."""
        del batch, logs
        self._on_step(len(self.history), self._steps)
        if self._checkpointer is not None:
            self._checkpointer.check()
            if self._termination_request.requested and self._before_validation is not None:
                self._before_validation.restore()
                self._before_validation = None  # frees a copy that may be as large as the network
                self._store_checkpoint(self._checkpointer, self._steps, self._validation_began)
        self._termination_request.check()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the epoch to the history, raise a Failure for a non-finite loss, and log and report the epoch."""
        self._before_validation = None  # frees a copy that may be as large as the network
        metrics = history.metric_values(logs or {})
        seconds = time.monotonic() - self._began
        rate = getattr(self.model.optimizer, "learning_rate", None)
        self.history.append(Epoch(epoch + 1, seconds, None if rate is None else float(rate), metrics))
        self._step = 0
        self._on_step(len(self.history), 0)
        self._check_loss(metrics.get("loss", 0.0), f"after epoch {epoch + 1}")
        self._is_best = self._running_best.add(self.history[-1])
        best_epoch = self._running_best.best
        self.finish_if_requested()
        seconds_left = 0.0 if self.finished_early else seconds * max(0, self._stop_after - epoch - 1)
        label = self._best_label(best_epoch) if best_epoch is not None and self._is_best else None
        log.info("%s", history.log_line(self.history[-1], epochs=self._epochs, left=seconds_left, best=label))
        self._on_epoch(self.history)

    def _best_label(self, best_epoch: BestEpoch) -> str:
        """Return the log label of the best epoch: "best", or "best since epoch N" if a better epoch has no weights."""
        if not any(self._monitor.is_better(value, best_epoch.value) for value in self._values_without_weights):
            return "best"
        return f"best since epoch {next(epoch.number for epoch in self.history if epoch.eligible)}"

    def _after_callbacks(self) -> None:
        """Keep the weights of a new best epoch, create a checkpoint if due, and stop at stopAfterEpoch."""
        checkpointer, epoch = self._checkpointer, len(self.history)
        if checkpointer is not None:
            if self._is_best:
                checkpointer.keep_best(epoch)
            if checkpointer.due_after(epoch) or epoch >= self._stop_after or self.model.stop_training:
                snapshot = checkpointer.capture(Position(epoch=epoch), self.history, seconds=0.0)
                checkpointer.store(snapshot.changed(finished_early=self.finished_early))
        self.stop_if_due()  # The checkpoint does not store the stop: a training that resumes from it continues.

    def stop_if_due(self) -> bool:
        """Stop the training if it has reached spec.training.stopAfterEpoch and no callback has stopped it already.

        Return whether it stops for this reason.
        """
        if self._stop_after <= len(self.history) < self._epochs and not self.model.stop_training:
            self.stopped = True
            self.model.stop_training = True
        return self.stopped

    def _last_epoch(self, epoch: int) -> int | None:
        """Return the epoch, at least `epoch`, after which an early finish ends the training; None without a request."""
        last_epoch = self._finish.last_epoch(max(epoch, self._min_epochs))
        return None if last_epoch is None else min(last_epoch, self._stop_after)

    def finish_if_requested(self) -> bool:
        """Finish the training early if spec.finish requests it after this epoch; return whether it finishes."""
        epoch = len(self.history)
        last_epoch = self._last_epoch(epoch)
        if last_epoch is not None and last_epoch <= epoch < self._epochs:
            self.finished_early = True
            self.model.stop_training = True
        return self.finished_early

    def _store_checkpoint(self, checkpointer: Checkpointer, step: int, now: float) -> None:
        """Create a checkpoint within the running epoch, after `step` steps, and store it."""
        position = Position(epoch=len(self.history), step=step, begun=True)
        checkpointer.store(checkpointer.capture(position, self.history, seconds=now - self._began))

    def _check_running_loss(self) -> None:
        tracker = next((metric for metric in self.model.metrics if metric.name == "loss"), None)
        if self._step and tracker is not None and self._terminate_on_nan:
            self._check_loss(float(tracker.result()), f"after step {self._step} of epoch {len(self.history) + 1}")

    def _check_loss(self, loss: float, position: str) -> None:
        if self._terminate_on_nan and not math.isfinite(loss):
            is_float16 = self.model.dtype_policy.compute_dtype == "float16"
            range_advice = "mixed_bfloat16 as spec.training.precision, since float16 has no values above 65,504, "
            raise bad_data(
                "NonFiniteLoss",
                f"the loss is {loss} {position}, so the training cannot continue. Usual remedies: a lower learning "
                "rate (spec.training.optimizer), clipnorm: 1.0 beside it, features scaled to about -1 to 1 (a "
                f"Rescaling or Normalization layer first), {range_advice if is_float16 else ''}or a loss that fits the "
                "last layer's activation. With spec.training.terminateOnNaN: false, the training continues with such "
                "a loss",
            )

    def _seconds_left(self) -> float | None:
        return history.seconds_left(
            epochs=self._last_epoch(len(self.history) + 1) or self._stop_after,
            finished=len(self.history),
            fraction=self._step / self._steps,
            elapsed=time.monotonic() - self._began,
            last_epoch=self.history[-1].seconds if self.history else None,
        )
