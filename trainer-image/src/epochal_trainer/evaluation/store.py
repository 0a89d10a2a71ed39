"""Stores the evaluation of a trained model, and its pictures. An error does not fail the training."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from epochal_api.evaluation import CONFUSION, EVALUATION, MISTAKES, EvaluatedModel, Evaluation
from numpy.typing import NDArray

from epochal_trainer.data.memory import MIN_FREE_MEMORY, available_memory
from epochal_trainer.data.samples import TrainingData
from epochal_trainer.evaluation import figures
from epochal_trainer.evaluation.evaluate import evaluate, find_data_set, find_target
from epochal_trainer.evaluation.images import small_images
from epochal_trainer.evaluation.sentences import captions, summary
from epochal_trainer.evaluation.target import NotEvaluated
from epochal_trainer.export.tensors import UnsupportedModel
from epochal_trainer.reporting.results import EVALUATING, Results, optional_result
from epochal_trainer.training.context import Context

Array = NDArray[Any]

log = logging.getLogger(__name__)

MAX_SHARE = 0.05
"""Maximum time of the evaluation, as a fraction of the time of the training."""
MIN_SECONDS = 2.0
"""Time that an evaluation may take after a short training."""
DRAWING_SECONDS = 1.0
"""Part of the time that is kept for the pictures."""


def store_evaluation(
    context: Context,
    model: keras.Model,
    file: EvaluatedModel,
    *,
    data: TrainingData,
    results: Results,
    epochs: int,
    has_retry: bool,
) -> None:
    """Evaluate a model on the test set, or on the validation set without one, and store the evaluation.

    Args:
        context: The objects of the run.
        model: The model.
        file: Its file, which is stored.
        data: The data sets of the training.
        results: Takes the files.
        epochs: Finished epochs of the training, its position during the evaluation.
        has_retry: Whether another attempt would follow if the evaluation crashed this one. If not, the evaluation is
            skipped.

    Raises:
        Failure: Superseded, if a newer attempt owns these results.
    """
    if not has_retry:
        log.info("No %s: a crash may fail the training, because this attempt is above spec.backoffLimit", EVALUATION)
        return
    with optional_result(EVALUATION):
        try:
            log.info("Evaluation: %s", summary(_evaluate(context, model, file, data, results=results, epochs=epochs)))
        except (NotEvaluated, UnsupportedModel) as error:
            log.info("No %s: %s", EVALUATION, error)


def _evaluate(
    context: Context, model: keras.Model, file: EvaluatedModel, data: TrainingData, *, results: Results, epochs: int
) -> Evaluation:
    """Evaluate a model, store the files, and return the evaluation."""
    training = context.job.spec.training
    data_set = find_data_set(data)
    target = find_target(model, data_set.samples, training.loss)
    if results.exists(EVALUATING):
        advice = "if memory was short, raise spec.resources.limits.memory"
        raise NotEvaluated(f"an earlier attempt ended during the evaluation; {advice}")

    def stop() -> bool:
        context.watchdog.record_step(epochs, 0)
        return context.stopping.requested or available_memory() < MIN_FREE_MEMORY

    with results.marked(EVALUATING), context.watchdog.watch(training.stall_seconds, "evaluation"):
        evaluation, worst = evaluate(
            model,
            file,
            data_set,
            target,
            class_names=data.class_names,
            batch_size=training.batch_size,
            seconds=time_limit(context.stages.seconds.get("training", 0.0)) - DRAWING_SECONDS,
            stop=stop,
        )
        title = f"{context.job.metadata.namespace}/{context.job.metadata.name}"
        images = small_images(data_set.samples.features, worst)
        files = [*_draw(evaluation, images, context.scratch, title), context.scratch / EVALUATION]
        text = evaluation.model_dump_json(exclude_none=True, indent=2)
        files[-1].write_text(text + "\n", encoding="utf-8")
    for path in files:
        results.store(path, path.name)
    return evaluation


def time_limit(training_seconds: float) -> float:
    """Return the maximum seconds of an evaluation after a training of some seconds."""
    return max(MIN_SECONDS, MAX_SHARE * training_seconds)


def _draw(evaluation: Evaluation, images: Sequence[Array], folder: Path, title: str) -> list[Path]:
    """Draw the pictures of an evaluation, and return their files."""
    files, title = [], f"{title}, {evaluation.model.name}, {evaluation.data} set"
    if evaluation.classes is not None:
        files.append(folder / CONFUSION)
        figures.draw_confusion(evaluation.classes, files[-1], title)
    if images:
        files.append(folder / MISTAKES)
        figures.draw_images(images, captions(evaluation), files[-1], title)
    return files
