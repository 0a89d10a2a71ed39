"""Evaluates a trained model, and stores evaluation.json and pictures. An error does not fail the training."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Any

import keras
from epochal_api.evaluation import CONFUSION, EVALUATION, MISTAKES, EvaluatedModel, Evaluation, OutputEvaluation
from numpy.typing import NDArray

from epochal_trainer.data.arrays import TEXT_KINDS
from epochal_trainer.data.memory import MIN_FREE_MEMORY, available_memory
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.evaluation import pictures
from epochal_trainer.evaluation.evaluate import Evaluated, EvaluationSet, evaluate, find_evaluation_set, find_targets
from epochal_trainer.evaluation.images import small_images
from epochal_trainer.evaluation.sentences import captions, summary
from epochal_trainer.evaluation.target import NotEvaluated
from epochal_trainer.export.tensors import UnsupportedModel
from epochal_trainer.reporting.results import EVALUATING, Results, optional_result
from epochal_trainer.training.context import Context

Array = NDArray[Any]

log = logging.getLogger(__name__)

MAX_SHARE = 0.05
"""Maximum time of the evaluation, as a fraction of the time of the training, but at least MIN_SECONDS."""
MIN_SECONDS = 2.0
"""Seconds that an evaluation may always take, even after a short training."""
DRAWING_SECONDS = 1.0
"""Seconds of the time limit that are reserved for the pictures."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
"""Pattern of the characters in an output's name that are replaced by a hyphen in file names."""


def store_evaluation(
    context: Context,
    model: keras.Model,
    file: EvaluatedModel,
    *,
    data: TrainingData,
    results: Results,
    epochs: int,
) -> None:
    """Evaluate a model on the test set, or without a test set on the validation set. Store and log the evaluation.

    If the model cannot be evaluated, the reason is logged.

    Args:
        context: The objects of the run.
        model: The model.
        file: Name, epoch and digest of the model's file in the results.
        data: The data sets of the training.
        results: The results folder, where the files are stored.
        epochs: Number of finished epochs, which the watchdog reports as the position during the evaluation.

    Raises:
        Failure: Superseded, if a newer attempt owns these results.
    """
    with optional_result(EVALUATION):
        try:
            log.info("Evaluation: %s", summary(_evaluate(context, model, file, data, results=results, epochs=epochs)))
        except (NotEvaluated, UnsupportedModel) as error:
            log.info("No %s: %s", EVALUATION, error)


def _evaluate(
    context: Context, model: keras.Model, file: EvaluatedModel, data: TrainingData, *, results: Results, epochs: int
) -> Evaluation:
    """Evaluate a model, store evaluation.json and the pictures, and return the evaluation.

    Raises:
        NotEvaluated: If no output can be evaluated, or an earlier attempt ended during the evaluation.
    """
    training = context.job.spec.training
    evaluation_set = find_evaluation_set(data)
    samples = evaluation_set.samples
    targets = find_targets(model, samples, training.output_list(list(samples.outputs)))
    if results.exists(EVALUATING):
        advice = "if memory was short, raise spec.resources.limits.memory"
        raise NotEvaluated(f"an earlier attempt ended during the evaluation; {advice}")

    def stop() -> bool:
        context.watchdog.record_step(epochs, 0)
        return context.termination_request.requested or available_memory() < MIN_FREE_MEMORY

    with results.marker(EVALUATING), context.watchdog.watch(training.stall_seconds, "evaluation"):
        evaluated = evaluate(
            model,
            samples,
            targets,
            class_names=data.output_classes,
            batch_size=training.batch_size,
            seconds=time_limit(context.timings.seconds.get("training", 0.0)) - DRAWING_SECONDS,
            stop=stop,
        )
        job = f"{context.job.metadata.namespace}/{context.job.metadata.name}"
        title = f"{job}, {file.name}, {evaluation_set.name} set"
        outputs, files = _draw(evaluated, samples, context.scratch, title)
        evaluation = _join(file, evaluation_set, outputs)
        files.append(context.scratch / EVALUATION)
        text = evaluation.model_dump_json(exclude_none=True, indent=2)
        files[-1].write_text(text + "\n", encoding="utf-8")
    for path in files:
        results.store(path, path.name)
    return evaluation


def _join(file: EvaluatedModel, evaluation_set: EvaluationSet, outputs: Mapping[str, OutputEvaluation]) -> Evaluation:
    """Return the evaluation of a model from the evaluations of its outputs.

    The top-level statistics are those of the first evaluated output.
    """
    (name, first), has_several = next(iter(outputs.items())), len(evaluation_set.samples.outputs) > 1
    return Evaluation(
        model=file,
        data=evaluation_set.name,
        samples=len(evaluation_set.samples),
        evaluated=first.evaluated,
        skipped=len(evaluation_set.samples) - first.evaluated - first.unlabeled - first.not_finite,
        unlabeled=first.unlabeled,
        not_finite=first.not_finite,
        classes=first.classes,
        numbers=first.numbers,
        output=name if has_several else None,
        outputs=dict(outputs) if has_several else None,
    )


def time_limit(training_seconds: float) -> float:
    """Return the time limit in seconds of the evaluation, with its pictures, after a training of `training_seconds`."""
    return max(MIN_SECONDS, MAX_SHARE * training_seconds)


def _draw(
    evaluated: Mapping[str, Evaluated], samples: Samples, folder: Path, title: str
) -> tuple[dict[str, OutputEvaluation], list[Path]]:
    """Draw the pictures of each evaluated output into `folder`.

    Return the evaluations with the names of the pictures, and the paths of the pictures. The pictures of the first
    output have the names CONFUSION and MISTAKES; the others have a suffix.
    """
    outputs, files = {}, []
    has_several = len(samples.outputs) > 1
    for name, suffix in zip(evaluated, file_suffixes(evaluated), strict=True):
        evaluation, worst = evaluated[name]
        of_output = f"{title}, {name}" if has_several else title
        confusion, mistakes = (_with_suffix(each, suffix) for each in (CONFUSION, MISTAKES))
        if evaluation.classes is not None:
            pictures.draw_confusion(evaluation.classes, folder / confusion, of_output)
            evaluation = evaluation.model_copy(update={"confusion": confusion})
            files.append(folder / confusion)
        if images := _images(samples, worst):
            pictures.draw_images(images, captions(evaluation), folder / mistakes, of_output)
            evaluation = evaluation.model_copy(update={"mistakes": mistakes})
            files.append(folder / mistakes)
        outputs[name] = evaluation
    return outputs, files


def file_suffixes(names: Iterable[str]) -> list[str]:
    """Return for each output the suffix of its file names, unique and of safe characters; "" for the first output."""
    suffixes: list[str] = []
    for number, name in enumerate(names):
        suffix = f"-{_UNSAFE.sub('-', name)}" if number else ""
        numbered = (f"{suffix}-{index}" for index in count(number))
        used = set(map(str.lower, suffixes))
        suffixes.append(next(each for each in chain([suffix], numbered) if each.lower() not in used))
    return suffixes


def _with_suffix(name: str, suffix: str) -> str:
    path = PurePosixPath(name)
    return f"{path.stem}{suffix}{path.suffix}"


def _images(samples: Samples, rows: Sequence[int]) -> list[Array]:
    """Return the samples at the indices `rows` as images, from the first input with images; else an empty list."""
    numbers = (array.values for array in samples.inputs.values() if array.values.dtype.kind not in TEXT_KINDS)
    return next((images for values in numbers if (images := small_images(values, rows))), [])
