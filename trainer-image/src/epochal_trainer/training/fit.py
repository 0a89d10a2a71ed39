"""Runs Keras' fit and evaluate, with progress, readable errors, and optionally from a checkpoint."""

import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from epochal_api.trainingjob.training import Training

from epochal_trainer import backend
from epochal_trainer.backend import Batches
from epochal_trainer.checkpoint import Position, Snapshot
from epochal_trainer.data.dataset import Dataset, Order
from epochal_trainer.lib.failures import Failure, bad_data, bad_spec
from epochal_trainer.model import keras_objects
from epochal_trainer.model.callbacks import KeepAverages
from epochal_trainer.reporting import history
from epochal_trainer.training.callback_list import CallbackList
from epochal_trainer.training.progress import Progress

_KERAS_CALLERS = frozenset({__name__, f"{__package__}.callback_list"})
"""Modules of the trainer that call Keras' fit and callbacks directly."""


def fit_or_resume(
    model: keras.Model,
    training: Training,
    *,
    train: Dataset,
    validation: Dataset | None,
    callbacks: Sequence[Any],
    progress: Progress,
    snapshot: Snapshot | None = None,
) -> None:
    """Train a model with Keras' fit, from the first epoch or from a checkpoint.

    The caller must have compiled the model. With `snapshot`, the caller must also have built the model's metrics and
    checked that the checkpoint has the variables of this model.

    The callbacks of the user run after `progress`, so that `progress` records the epoch before a callback changes it.
    KeepAverages runs last, so that the checkpoint of the last epoch still has the plain weights beside the averages.

    Raises:
        Failure: NonFiniteLoss, if the loss is NaN or infinite; InvalidData, if the network cannot be computed for these
            data; InvalidTraining, if Keras refuses to train.
        Terminated: If a signal requested the termination.
    """
    order = train.order(batch_size=training.batch_size, seed=training.seed, steps=training.steps_per_epoch)
    batches = train.shuffled_batches(order)
    validation_data = validation.ordered_batches(training.batch_size) if validation is not None else None
    keepers = [callback for callback in callbacks if isinstance(callback, KeepAverages)]
    users = [callback for callback in callbacks if callback not in keepers]
    callback_list = CallbackList(
        [progress, *users, progress.after_user_callbacks, *keepers],
        add_history=True,
        model=model,
        verbose=0,
        epochs=training.epochs,
        steps=order.steps,
    )
    with _precision_hint(training.precision), _failures(progress.describe_position), warnings.catch_warnings():
        if training.validation_every_epochs > 1:
            # The callbacks EarlyStopping and ReduceLROnPlateau skip epochs without their metric.
            warnings.filterwarnings("ignore", "(Early stopping|Learning rate reduction is) conditioned on metric")
        initial_epoch = 0
        if snapshot is not None:
            _restore(model, snapshot, callbacks, callback_list, progress)
            position = snapshot.state.position
            initial_epoch = position.epoch
            if position.begun:
                is_validated = (position.epoch + 1) % training.validation_every_epochs == 0
                _finish_epoch(
                    model,
                    callback_list,
                    position,
                    order=order,
                    batches=batches,
                    validation=validation_data if is_validated else None,
                )
                initial_epoch += 1
            elif not model.stop_training and progress.finish_if_requested():
                # The training finishes early, right after a checkpoint. A new one must store this.
                progress.after_user_callbacks.on_epoch_end(initial_epoch - 1)
            if model.stop_training or progress.stop_if_due():
                initial_epoch = training.epochs  # Then fit only calls `on_train_end`, which restores the best weights.
            if initial_epoch == training.epochs:
                for keeper in keepers:
                    keeper.keep()
        model.fit(
            batches_from(batches, order, Position(epoch=initial_epoch), until=training.epochs),
            shuffle=False,  # the batches are shuffled already
            epochs=training.epochs,
            initial_epoch=initial_epoch,
            steps_per_epoch=order.steps,
            validation_data=validation_data,
            validation_freq=training.validation_every_epochs,
            callbacks=callback_list,
            verbose=0,
        )


def _restore(
    model: keras.Model, snapshot: Snapshot, callbacks: Sequence[Any], callback_list: CallbackList, progress: Progress
) -> None:
    """Restore a checkpoint, after `on_train_begin` and, for a checkpoint within an epoch, `on_epoch_begin`."""
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CSVLogger):
            callback.append = True  # to its file, which was restored from the checkpoint
    # `on_train_begin` and `on_epoch_begin` reset callbacks and the clock of the epoch, so the state is restored after
    # them. `model.fit` does not call `on_train_begin` again, see CallbackList.
    model.stop_training = False
    callback_list.on_train_begin()
    if snapshot.state.position.begun:
        model.reset_metrics()
        callback_list.on_epoch_begin(snapshot.state.position.epoch)
    snapshot.restore(model, callbacks)
    progress.resume_with_checkpointer(snapshot)


def evaluate(model: keras.Model, test: Dataset, *, batch_size: int, on_step: Callable[[], None]) -> dict[str, float]:
    """Return the metric values of a model on the test set, by metric name. `on_step` is called at each step.

    Raises:
        Failure: InvalidData, if the network cannot be computed for these data.
    """
    callback = keras.callbacks.LambdaCallback(on_test_batch_begin=lambda *_, **__: on_step())
    with _failures(lambda: "the test set"):
        logs = model.evaluate(
            test.ordered_batches(batch_size),
            callbacks=CallbackList([callback], model=model),
            verbose=0,
            return_dict=True,
        )
    return history.metric_values(logs)


def batches_from(batches: Batches, order: Order, position: Position, *, until: int) -> Any:
    """Return the batches from a position until the end of epoch `until` - 1 (from 0), and perhaps further batches.

    A pass through the data may begin in one epoch and end in the next. So the position is converted to a pass and a
    step within the pass.
    """
    first_pass, step = divmod(position.epoch * order.steps + position.step, order.steps_per_pass)
    return batches.from_step(first_pass, step, until_pass=-(-until * order.steps // order.steps_per_pass))


def _finish_epoch(
    model: keras.Model,
    callbacks: CallbackList,
    position: Position,
    *,
    order: Order,
    batches: Batches,
    validation: Any | None,
) -> None:
    """Train and validate the rest of an epoch from a position within it, because Keras' fit starts only at an epoch."""
    train_step = backend.current().train_step(model, batches_from(batches, order, position, until=position.epoch + 1))
    for step in range(position.step, order.steps):
        callbacks.on_train_batch_begin(step)
        callbacks.on_train_batch_end(step, train_step())
        if model.stop_training:
            break
    logs = dict(model.get_metrics_result())
    if validation is not None:
        val_logs = model.evaluate(validation, callbacks=callbacks, verbose=0, return_dict=True)
        logs |= {f"val_{name}": value for name, value in val_logs.items()}
    callbacks.on_epoch_end(position.epoch, logs)


@contextmanager
def _failures(position: Callable[[], str]) -> Iterator[None]:
    """Convert errors that data or spec cause within the context to a Failure, which is not retried.

    Errors of the trainer itself pass unchanged, so that the attempt is retried.
    """
    try:
        yield
    except backend.current().INPUT_ERRORS as error:
        message = f"the network cannot process the data of {position()}: {keras_objects.explain(error)}"
        raise bad_data("InvalidData", message) from error
    except (TypeError, ValueError) as error:
        # Keras raises these while it traces a step. Its callbacks raise them if they cannot do their work. A retry
        # would not help.
        if _is_trainer_error(error):
            raise
        message = f"Keras refuses to train, in {position()}: {keras_objects.explain(error)}"
        raise bad_spec("InvalidTraining", message) from error


def _is_trainer_error(error: Exception) -> bool:
    """Return whether an error is due to the trainer's own code, and not to Keras, data or spec.

    Keras removes its own frames from tracebacks, but keeps the frames of the trainer's modules, also of functions that
    Keras calls.
    """
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    own_modules = [module for module in modules if module.startswith("epochal_trainer.")]
    return modules[-1] == __name__ or own_modules[-1] not in _KERAS_CALLERS


@contextmanager
def _precision_hint(precision: str) -> Iterator[None]:
    """Add advice about a lower spec.training.precision to a Failure: Keras computes some operations only in float32."""
    try:
        yield
    except Failure as failure:
        if precision == "float32" or failure.reason not in {"InvalidData", "InvalidTraining"}:
            raise
        hint = f"spec.training.precision is {precision}: if this is the cause, write dtype: float32 for the layer"
        raise Failure(failure.reason, f"{failure.message}. {hint}", failure.exit_code) from failure
