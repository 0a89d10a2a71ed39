"""Evaluates the models of a training, stores them, verifies the stored files, and describes the result."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
from epochal_api.trainingjob.report import BestEpoch, StoredModel

from epochal_trainer import checkpoint
from epochal_trainer.lib.text import format_number
from epochal_trainer.reporting import history
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.results import BEST_MODEL, MODEL, Results
from epochal_trainer.reporting.timings import Timings

log = logging.getLogger(__name__)

_MAX_TEST_METRICS = 8
"""Maximum number of test metrics in the summary sentence: the first metrics."""


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training, apart from the model.

    Args:
        epochs: All finished epochs, also of earlier attempts and of trainings that this training continues.
        finished_early: Whether the training finished early because of spec.finish.
        stopped: Whether the training stopped after spec.training.stopAfterEpoch, before its last epoch.
        model_epoch: Number of the epoch whose weights the model has after the training.
        best_epoch: The best eligible epoch.
        best_weights: The weights of the best epoch, if they were kept in memory; else None.
        is_tied: Whether `model_epoch` is not the best epoch, but has the same value of the monitored metric.
        earlier_best: The best epoch of the trainings that this training continues, if it was better than `best_epoch`.
        better_lost_epoch: Number of an epoch that was better than `best_epoch`, but whose weights were lost; else None.
        checkpoints: Number, size and duration of the checkpoints, for summary.json.
    """

    epochs: Sequence[Epoch]
    finished_early: bool
    stopped: bool
    model_epoch: int
    best_epoch: BestEpoch | None
    best_weights: checkpoint.EpochWeights | None
    is_tied: bool = False
    earlier_best: checkpoint.EarlierBest | None = None
    better_lost_epoch: int | None = None
    checkpoints: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelFile:
    """The file of a model that results from a training. summary.json has the same field names.

    Args:
        name: File name: model.keras or best.keras.
        epoch: Number of the epoch whose weights the file has.
        weights: SHA-256 of these weights.
        metrics: Metric values of the epoch.
        test: Metric values of the model on the test set; None without a test set.
    """

    name: str
    epoch: int
    weights: str
    metrics: Mapping[str, float]
    test: Mapping[str, float] | None


def evaluate_and_save_models(
    model: keras.Model,
    result: TrainingResult,
    *,
    folder: Path,
    timings: Timings,
    evaluate: Callable[[str], Mapping[str, float] | None],
) -> list[ModelFile]:
    """Evaluate the last and the best model of a training on the test set, and save each to a local file.

    Afterwards, `model` has the weights of the last returned file. `evaluate` is called with the file's name, and
    returns the metric values on the test set, or None without a test set.

    Returns:
        model.keras, with the weights after Keras' fit. Then best.keras, if the best epoch was better and its weights
        are kept and differ.
    """

    def save(name: str, epoch: int, weights: str) -> ModelFile:
        test = evaluate(name)
        with timings.measure("results"):
            model.save(folder / name)
        return ModelFile(name, epoch, weights, result.epochs[epoch - 1].metrics, test)

    last, best = checkpoint.digest(model), result.best_weights
    if best is None or result.is_tied:
        return [save(MODEL, result.model_epoch, last)]
    best_digest = best.digest()
    if best_digest == last:
        return [save(MODEL, best.epoch, last)]
    last_model = save(MODEL, result.model_epoch, last)
    best.assign_to(model)
    return [last_model, save(BEST_MODEL, best.epoch, best_digest)]


def store_models(models: Sequence[ModelFile], model: keras.Model, results: Results, folder: Path) -> list[StoredModel]:
    """Store models in the results bucket, and verify that each stored file has the evaluated weights.

    The files are in `folder`. Each is downloaded again, and loaded into `model`, from which it was saved.

    Raises:
        Failure: StorageError, if the storage returns other content, or another failure of the storage.
        RuntimeError: If the file does not hold the weights, which is a bug of the trainer or of Keras.
    """
    stored = []
    for saved in models:
        path = folder / saved.name
        results.store(path, saved.name)
        sha256 = results.read_back(saved.name, path)
        if layers := checkpoint.merged_lora_layers(model):
            log.info(
                "%s: Keras merges the weights of LoRA into the kernels when it saves them (%s)", saved.name, layers
            )
        elif (digest := digest_of(path, model)) != saved.weights:
            raise RuntimeError(
                f"{results.uri(saved.name)} holds weights with the SHA-256 {digest}, but the evaluated weights have "
                f"{saved.weights}: this is a bug of Epochal or of Keras, not a problem of spec, data or storage"
            )
        test = history.report_metrics(saved.test) if saved.test and saved.name != MODEL else None
        stored.append(StoredModel(name=saved.name, epoch=saved.epoch, sha256=sha256, test=test))
    return stored


def summary_sentence(
    models: Sequence[ModelFile], result: TrainingResult, monitor: Monitor, *, epochs: int, keeps_best: bool
) -> str:
    """Return a text for users: epochs trained, what each model file contains, and better epochs that are not stored."""
    count, best = len(result.epochs), result.best_epoch
    label = _best_label(result)
    parts = [f"{count} epoch{'s' if count != 1 else ''} trained"]
    if result.finished_early:
        parts = [f"{count} of {epochs} epochs trained, finished early on request (spec.finish)"]
    if result.stopped:
        parts = [f"{count} of {epochs} epochs trained, stopped there (spec.training.stopAfterEpoch)"]
    for model in models:
        rank = ""
        if best is not None and model.epoch == best.epoch:
            rank = label
        elif best is not None and result.is_tied and model.name == MODEL:
            rank = f", as good as epoch {best.epoch}{label}"
        values = (
            [f"{monitor.metric} {format_number(model.metrics[monitor.metric])}"]
            if monitor.metric in model.metrics
            else []
        )
        test = [
            f"{name} {format_number(value)}" for name, value in list((model.test or {}).items())[:_MAX_TEST_METRICS]
        ]
        values += [f"on the test set {', '.join(test)}"] if test else []
        in_brackets = f" ({'; '.join(values)})" if values else ""
        parts.append(f"{model.name} holds epoch {model.epoch}{rank}{in_brackets}")
    if best is not None and not result.is_tied and all(model.epoch != best.epoch for model in models):
        why = (
            "an earlier version of Epochal kept no weights of this epoch"
            if keeps_best
            else "spec.results.best is false"
        )
        parts.append(
            f"epoch {best.epoch} was better ({best.metric} {format_number(best.value)}), but is not stored: {why}"
        )
    if (lost := result.better_lost_epoch) is not None:
        value = format_number(result.epochs[lost - 1].metrics[monitor.metric])
        parts.append(f"epoch {lost} was better ({monitor.metric} {value}), but its weights were lost")
    if (earlier := result.earlier_best) is not None:
        found = f"epoch {earlier.epoch} of the earlier training ({earlier.metric} {format_number(earlier.value)})"
        parts.append(f"{found} was better: {earlier.results_uri}")
    return "; ".join(parts)


def _best_label(result: TrainingResult) -> str:
    """Return the phrase that marks the best epoch, such as ", the best", or "" if only one epoch is comparable."""
    if result.earlier_best is None and result.better_lost_epoch is None:
        return ", the best" if len(result.epochs) > 1 else ""
    comparable = [epoch.number for epoch in result.epochs if epoch.eligible]
    return f", the best of epochs {comparable[0]}-{comparable[-1]}" if len(comparable) > 1 else ""


def digest_of(path: Path, model: keras.Model) -> str:
    """Load the weights from a file that was saved from the same model, and return their SHA-256."""
    for weight in model.weights:
        weight.assign(keras.ops.zeros_like(weight))  # so that a weight missing from the file changes the digest
    model.load_weights(path)
    return checkpoint.digest(model)
