"""The training itself: Keras' fit, followed, from its beginning or from a checkpoint."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from epochal_api.training import Training

from epochal_trainer import backend
from epochal_trainer.backend import Batches
from epochal_trainer.checkpoint import Position, Snapshot
from epochal_trainer.data import Dataset
from epochal_trainer.lib.failures import Failure, bad_data, bad_spec
from epochal_trainer.model import keras_objects
from epochal_trainer.model.callbacks import KeepAverages
from epochal_trainer.reporting import history
from epochal_trainer.training.callback_list import CallbackList
from epochal_trainer.training.progress import Progress

_CALL_KERAS = frozenset({__name__, f"{__package__}.callback_list"})
"""Modules of ours below which lies Keras."""


def fit(
    model: keras.Model,
    training: Training,
    *,
    train: Dataset,
    validation: Dataset | None,
    callbacks: Sequence[Any],
    progress: Progress,
    start: Snapshot | None = None,
) -> None:
    """Trains a model.

    Args:
        model: The model, compiled; to begin with a checkpoint, its metrics built.
        training: How to train it.
        train: What to train on.
        validation: What to validate on after each epoch.
        callbacks: The user's callbacks. They come after `progress`, which sees an epoch as it was.
        progress: Follows the training.
        start: The checkpoint to go on from, which fits the model; None to begin anew.

    Raises:
        Failure: NonFiniteLoss, if the loss is no number any more; InvalidData, if the network cannot be computed for
            these data; InvalidTraining, if Keras refuses to train.
        Terminated: If it was told to stop.
    """
    order = train.order(batch_size=training.batch_size, seed=training.seed)
    batches = train.shuffled(order)
    held_out = validation.in_order(training.batch_size) if validation is not None else None
    everything = CallbackList(
        [progress, *callbacks, progress.last],
        add_history=True,
        model=model,
        verbose=0,
        epochs=training.epochs,
        steps=order.steps,
    )
    position = start.state.position if start else Position()
    finished = position.epoch
    with _precision_named(training.precision), _faults_named(progress.at):
        if start is not None:
            _append_to_logs(callbacks)
            model.stop_training = False
            everything.on_train_begin()
            if position.begun:
                model.reset_metrics()
                everything.on_epoch_begin(finished)
            start.restore(model, callbacks)
            progress.restored(start)
            if position.begun:
                _finish_epoch(model, everything, position, steps=order.steps, batches=batches, validation=held_out)
                finished += 1
            elif not model.stop_training and progress.ends_here():
                for callback in callbacks:
                    if isinstance(callback, KeepAverages):
                        callback.on_epoch_end(finished - 1)
                progress.last.on_epoch_end(finished - 1)  # which takes a checkpoint
            if model.stop_training or progress.stops_here():
                finished = training.epochs
        model.fit(
            batches.since(finished, 0, until=training.epochs),
            shuffle=False,  # it is done already
            epochs=training.epochs,
            initial_epoch=finished,
            steps_per_epoch=order.steps,
            validation_data=held_out,
            callbacks=everything,
            verbose=0,
        )


def evaluate(model: keras.Model, test: Dataset, *, batch_size: int, on_step: Callable[[], None]) -> dict[str, float]:
    """Returns the figures of a model on a data set.

    Args:
        model: The model, trained.
        test: The data set.
        batch_size: Samples per step.
        on_step: Called at each step.

    Returns:
        Figures by name.

    Raises:
        Failure: InvalidData, if the network cannot be computed for these data.
    """
    with _faults_named(lambda: "the test set"):
        logs = model.evaluate(
            test.in_order(batch_size),
            callbacks=CallbackList([_Step(on_step)], model=model),
            verbose=0,
            return_dict=True,
        )
    return history.figures(logs)


class _Step(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells that an evaluation goes on."""

    def __init__(self, on_step: Callable[[], None]) -> None:
        super().__init__()
        self._on_step = on_step

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """See keras.callbacks.Callback."""
        del batch, logs
        self._on_step()


def _finish_epoch(
    model: keras.Model,
    callbacks: CallbackList,
    position: Position,
    *,
    steps: int,
    batches: Batches,
    validation: Any | None,
) -> None:
    """Does what Keras' fit does in an epoch, from a position in it: fit itself can begin only with a whole epoch."""
    train_step = backend.current().train_step(
        model, batches.since(position.epoch, position.step, until=position.epoch + 1)
    )
    for step in range(position.step, steps):
        callbacks.on_train_batch_begin(step)
        callbacks.on_train_batch_end(step, train_step())
        if model.stop_training:
            break
    figures = dict(model.get_metrics_result())
    if validation is not None:
        validated = model.evaluate(validation, callbacks=callbacks, verbose=0, return_dict=True)
        figures |= {f"val_{name}": value for name, value in validated.items()}
    callbacks.on_epoch_end(position.epoch, figures)


def _append_to_logs(callbacks: Sequence[Any]) -> None:
    """Makes loggers go on with the files that they have, which were put back."""
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CSVLogger):
            callback.append = True


@contextmanager
def _faults_named(where: Callable[[], str]) -> Iterator[None]:
    """Tells what is wrong with data or spec from what is wrong with the trainer: only the latter is worth a retry."""
    try:
        yield
    except backend.current().INVALID as error:
        message = f"the network cannot be computed for what is in {where()}: {keras_objects.explain(error)}"
        raise bad_data("InvalidData", message) from error
    except (TypeError, ValueError) as error:
        # Keras raises these while it traces a step, and its callbacks where what they are to do cannot be done: another
        # try would not help.
        if _is_ours(error):
            raise
        raise bad_spec(
            "InvalidTraining", f"Keras refuses to train, in {where()}: {keras_objects.explain(error)}"
        ) from error


def _is_ours(error: Exception) -> bool:
    """Whether an error was raised in our own code, or below it, rather than in a call from here into Keras.

    Keras takes its own frames out of tracebacks, and leaves ours, those of what it called back too.
    """
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [module for module in modules if module.startswith("epochal_trainer.")]
    return modules[-1] == __name__ or ours[-1] not in _CALL_KERAS


@contextmanager
def _precision_named(precision: str) -> Iterator[None]:
    """Names precision where something cannot be computed: not all that Keras computes in float32 it can in less."""
    try:
        yield
    except Failure as failure:
        if precision == "float32" or failure.reason not in {"InvalidData", "InvalidTraining"}:
            raise
        hint = f"spec.training.precision is {precision}: if that is why, give the layer dtype: float32"
        raise Failure(failure.reason, f"{failure.message}. {hint}", failure.exit_code) from failure
