"""The training itself: Keras' fit, watched."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from epochal_api.training import Training

from epochal_trainer import epochs as figures_of
from epochal_trainer import keras_objects
from epochal_trainer.batches import batches, steps_per_epoch
from epochal_trainer.data import Samples
from epochal_trainer.epochs import Epoch
from epochal_trainer.failures import bad_data, bad_spec
from epochal_trainer.stopping import Stopping

log = logging.getLogger(__name__)

LINE_EVERY = 30.0
"""Seconds between lines in the log within an epoch."""


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Watches a training: counts steps, keeps the epochs, stops it where it was told to.

    Its work per step is a few instructions: Keras calls `on_train_batch_begin` with no figures, so nothing waits for
    the device.

    Args:
        epochs: Epochs in all.
        steps: Steps of an epoch.
        stopping: Says whether to stop.
        on_epoch: Called with the epochs so far when one has ended.
    """

    def __init__(
        self, *, epochs: int, steps: int, stopping: Stopping, on_epoch: Callable[[Sequence[Epoch]], None]
    ) -> None:
        super().__init__()
        self.history: list[Epoch] = []
        self._epochs = epochs
        self._steps = steps
        self._stopping = stopping
        self._on_epoch = on_epoch
        self._step = 0
        self._began = time.monotonic()
        self._next_line = math.inf

    def position(self) -> dict[str, Any]:
        """Returns how far the running epoch has come, as fields of a report. Safe to call from any thread."""
        return {"step": self._step, "seconds_left": self._seconds_left()}

    def at(self) -> str:
        """Returns where the training is, for people."""
        return f"step {self._step + 1} of {self._steps} of epoch {len(self.history) + 1}"

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """See keras.callbacks.Callback."""
        del epoch, logs
        self._step = 0
        self._began = time.monotonic()
        self._next_line = self._began + LINE_EVERY

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """See keras.callbacks.Callback."""
        del logs
        self._step = batch
        self._stopping.check()
        if (now := time.monotonic()) >= self._next_line:
            self._next_line = now + LINE_EVERY
            left = self._seconds_left()
            rest = f"  {figures_of.duration(left)} left" if left else ""
            number = f"{len(self.history) + 1:>{len(str(self._epochs))}}"
            log.info("Epoch %s/%d  step %d/%d%s", number, self._epochs, batch, self._steps, rest)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """See keras.callbacks.Callback."""
        del logs
        if batch == 0:
            self._step = self._steps
        self._stopping.check()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """See keras.callbacks.Callback."""
        metrics = figures_of.figures(logs or {})
        seconds = time.monotonic() - self._began
        self.history.append(Epoch(epoch + 1, seconds, _learning_rate(self.model.optimizer), metrics))
        self._step = 0
        _check_loss(self.history[-1])
        best = figures_of.best(self.history)
        is_best = best is not None and best.epoch == epoch + 1
        left = seconds * (self._epochs - epoch - 1)
        log.info("%s", figures_of.line(self.history[-1], epochs=self._epochs, left=left, is_best=is_best))
        self._on_epoch(self.history)

    def _seconds_left(self) -> float | None:
        return figures_of.seconds_left(
            epochs=self._epochs,
            finished=len(self.history),
            fraction=self._step / self._steps,
            elapsed=time.monotonic() - self._began,
            last_epoch=self.history[-1].seconds if self.history else None,
        )


def fit(
    model: keras.Model,
    training: Training,
    *,
    train: Samples,
    validation: Samples | None,
    callbacks: Sequence[Any],
    watch: Watch,
) -> None:
    """Trains a model.

    Args:
        model: The model, compiled.
        training: How to train it.
        train: What to train on.
        validation: What to validate on after each epoch.
        callbacks: The user's callbacks. They come after `watch`, which sees an epoch as it was.
        watch: Watches the training.

    Raises:
        Failure: NonFiniteLoss, if the loss is no number any more; InvalidData, if the network cannot be computed for
            these data; InvalidTraining, if Keras refuses to train.
        Terminated: If it was told to stop.
    """
    data = batches(
        train.features, train.labels, batch_size=training.batch_size, seed=training.seed, epochs=training.epochs
    )
    with _faults_named(watch.at):
        model.fit(
            data,
            shuffle=False,  # `batches` has done it
            epochs=training.epochs,
            steps_per_epoch=steps_per_epoch(len(train.features), training.batch_size),
            validation_data=(validation.features, validation.labels) if validation else None,
            validation_batch_size=training.batch_size if validation else None,
            callbacks=[watch, *callbacks],
            verbose=0,
        )


def evaluate(model: keras.Model, test: Samples, *, batch_size: int) -> dict[str, float]:
    """Returns the figures of a model on a data set.

    Args:
        model: The model, trained.
        test: The data set.
        batch_size: Samples per step.

    Returns:
        Figures by name.

    Raises:
        Failure: InvalidData, if the network cannot be computed for these data.
    """
    with _faults_named(lambda: "the test set"):
        logs = model.evaluate(test.features, test.labels, batch_size=batch_size, verbose=0, return_dict=True)
    return figures_of.figures(logs)


@contextmanager
def _faults_named(where: Callable[[], str]) -> Iterator[None]:
    """Tells what is wrong with data or spec from what is wrong with the trainer: only the latter is worth a retry."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        message = f"the network cannot be computed for what is in {where()}: {keras_objects.explain(error)}"
        raise bad_data("InvalidData", message) from error
    except (TypeError, ValueError) as error:
        # Keras raises these while it traces the first step, before anything is computed: another try would not help.
        raise bad_spec(
            "InvalidTraining", f"Keras refuses to train, in {where()}: {keras_objects.explain(error)}"
        ) from error


def _learning_rate(optimizer: Any) -> float | None:
    rate = getattr(optimizer, "learning_rate", None)
    return None if rate is None else float(rate)


def _check_loss(epoch: Epoch) -> None:
    loss = epoch.metrics.get("loss", 0.0)
    if not math.isfinite(loss):
        raise bad_data(
            "NonFiniteLoss",
            f"the loss is {loss} after epoch {epoch.number}: training cannot go on from there. A lower learning rate "
            "(spec.training.optimizer), clipnorm: 1.0 beside it, features scaled to about -1 to 1 (a Rescaling or "
            "Normalization layer first), or a loss that fits the last layer's activation usually help",
        )
