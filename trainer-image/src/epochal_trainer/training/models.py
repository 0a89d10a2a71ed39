"""The result of a training, and its models: evaluated, stored, and verified against their stored files."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
from epochal_api.trainingjob.report import BestEpoch, StoredModel

from epochal_trainer import checkpoint
from epochal_trainer.lib.text import figure
from epochal_trainer.reporting import history
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.reporting.results import BEST_MODEL, MODEL, Results
from epochal_trainer.reporting.stages import Stages

log = logging.getLogger(__name__)

_MOST_FIGURES = 8
"""Maximum number of test metrics in the summary sentence."""


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
        checkpoints: Number, size and time of the checkpoints, for summary.json.
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
    checkpoints: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A model that results from a training.

    Args:
        name: The name of its file.
        epoch: The epoch whose weights it holds.
        weights: The digest of these weights.
        metrics: The metric values of that epoch.
        test: Its metric values on the test set, if there is one.
    """

    name: str
    epoch: int
    weights: str
    metrics: Mapping[str, float]
    test: Mapping[str, float] | None


def evaluated(
    model: keras.Model,
    trained: Trained,
    *,
    folder: Path,
    stages: Stages,
    evaluate: Callable[[str], Mapping[str, float] | None],
) -> list[Model]:
    """Evaluate the models of a training, and save each as a file.

    Args:
        model: The trained model. Afterwards it holds the weights of the last returned model.
        trained: The result of the training.
        folder: Folder for the files.
        stages: Measures the time of each stage.
        evaluate: Returns the metric values of the model on the test set, if there is one. Its argument is the file's
            name.

    Returns:
        model.keras, as Keras' fit has left it. Then best.keras, if the best epoch has other weights and was better.
    """

    def saved(name: str, epoch: int, weights: str) -> Model:
        test = evaluate(name)
        with stages.stage("results"):
            model.save(folder / name)
        return Model(name, epoch, weights, trained.epochs[epoch - 1].metrics, test)

    last, kept = checkpoint.digest(model), trained.kept
    if kept is None or trained.as_good:
        return [saved(MODEL, trained.holds, last)]
    best = kept.digest()
    if best == last:
        return [saved(MODEL, kept.epoch, last)]
    left = saved(MODEL, trained.holds, last)
    kept.give_to(model)
    return [left, saved(BEST_MODEL, kept.epoch, best)]


def store(models: Sequence[Model], model: keras.Model, results: Results, folder: Path) -> list[StoredModel]:
    """Store models, and verify that each stored file holds the evaluated weights.

    Args:
        models: The models, whose files exist.
        model: The model that they were saved from. The files are read back into it.
        results: The folder in the results bucket.
        folder: Holds the files.

    Returns:
        The stored models.

    Raises:
        Failure: StorageError, if the storage returns other content, or another failure of the storage.
        RuntimeError: If the file does not hold the weights, which is a bug of the trainer or of Keras.
    """
    stored = []
    for each in models:
        path = folder / each.name
        results.store(path, each.name)
        sha256 = results.read_back(each.name, path)
        if merged := checkpoint.merged(model):
            log.info("%s: Keras stores weights of LoRA as one with those that they change (%s)", each.name, merged)
        elif (found := digest_of(path, model)) != each.weights:
            raise RuntimeError(
                f"{results.uri(each.name)} holds weights with the SHA-256 {found}, and those that were evaluated have "
                f"{each.weights}: that is a fault of Epochal, or of Keras, and none of spec, data or storage"
            )
        test = history.reported(each.test) if each.test and each.name != MODEL else None
        stored.append(StoredModel(name=each.name, epoch=each.epoch, sha256=sha256, test=test))
    return stored


def sentence(models: Sequence[Model], trained: Trained, monitor: Monitor, *, epochs: int, keeps_best: bool) -> str:
    """Return a sentence for users that describes the models of a training.

    Args:
        models: The models.
        trained: The result of the training.
        monitor: The monitored metric.
        epochs: The planned number of epochs.
        keeps_best: Whether the weights of the best epoch are kept.
    """
    count, best, before = len(trained.epochs), trained.best, trained.before
    title = _title(trained)
    parts = [f"{count} epoch{'s' if count != 1 else ''} trained"]
    if trained.finished_early:
        parts = [f"{count} of {epochs} epochs trained, finished early on request (spec.finish)"]
    if trained.stopped:
        parts = [f"{count} of {epochs} epochs trained, stopped there (spec.training.stopAfterEpoch)"]
    for each in models:
        rank = ""
        if best is not None and each.epoch == best.epoch:
            rank = title
        elif best is not None and trained.as_good and each.name == MODEL:
            rank = f", as good as epoch {best.epoch}{title}"
        figures = [f"{monitor.metric} {figure(each.metrics[monitor.metric])}"] if monitor.metric in each.metrics else []
        tested = [f"{name} {figure(value)}" for name, value in list((each.test or {}).items())[:_MOST_FIGURES]]
        figures += [f"on the test set {', '.join(tested)}"] if tested else []
        worth = f" ({'; '.join(figures)})" if figures else ""
        parts.append(f"{each.name} holds epoch {each.epoch}{rank}{worth}")
    if best is not None and not trained.as_good and all(each.epoch != best.epoch for each in models):
        why = "an earlier version of Epochal kept no weights of it" if keeps_best else "spec.results.best is false"
        parts.append(f"epoch {best.epoch} was better ({best.metric} {figure(best.value)}), but is not there: {why}")
    if trained.lost is not None:
        there = trained.epochs[trained.lost - 1].metrics[monitor.metric]
        parts.append(f"epoch {trained.lost} was better ({monitor.metric} {figure(there)}), but its weights were lost")
    if before is not None:
        found = f"epoch {before.epoch} of the training before ({before.metric} {figure(before.value)})"
        parts.append(f"{found} was better: {before.where}")
    return "; ".join(parts)


def _title(trained: Trained) -> str:
    """Return the phrase that marks the best epoch, or "" for a training of a single epoch."""
    own = [epoch.number for epoch in trained.epochs if epoch.comparable]
    if trained.before is None and trained.lost is None:
        return ", the best" if len(trained.epochs) > 1 else ""
    return f", the best of epochs {own[0]}-{own[-1]}" if len(own) > 1 else ""


def digest_of(path: Path, model: keras.Model) -> str:
    """Return the digest of the weights in a file.

    Args:
        path: The file.
        model: The model that the file was saved from. Afterwards it holds the file's weights.
    """
    for weight in model.weights:
        weight.assign(keras.ops.zeros_like(weight))  # so that a weight missing from the file changes the digest
    model.load_weights(path)
    return checkpoint.digest(model)
