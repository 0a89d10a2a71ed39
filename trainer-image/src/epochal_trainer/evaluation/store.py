"""Evaluates a trained model, and stores evaluation.json and pictures. An error does not fail the training."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
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
"""Seconds of the time limit that are reserved for the pictures, enough for one output."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
"""Pattern of the characters in an output's name that are replaced by a hyphen in file names."""


@contextmanager
def _optional_evaluation() -> Iterator[None]:
    """Log an error in the context instead of raising it, except Superseded."""
    with optional_result(EVALUATION):
        try:
            yield
        except (NotEvaluated, UnsupportedModel) as error:
            log.info("No %s: %s", EVALUATION, error)


@_optional_evaluation()
def store_evaluation(
    context: Context,
    model: keras.Model,
    file: EvaluatedModel,
    *,
    data: TrainingData,
    results: Results,
    epochs: int,
    clock: Callable[[], float] = time.monotonic,
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
        clock: Returns the present time in seconds, for the time limit of the pictures.

    Raises:
        Failure: Superseded, if a newer attempt owns these results.
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
        seconds = time_limit(context.timings.seconds.get("training", 0.0))
        end = clock() + seconds
        evaluated = evaluate(
            model,
            samples,
            targets,
            class_names=data.output_classes,
            batch_size=training.batch_size,
            seconds=seconds - DRAWING_SECONDS,
            stop=stop,
        )
        job = f"{context.job.metadata.namespace}/{context.job.metadata.name}"
        title = f"{job}, {file.name}, {evaluation_set.name} set"
        outputs, files = _draw(evaluated, samples, context.scratch, title, stop=stop, end=end, clock=clock)
        evaluation = _join(file, evaluation_set, outputs)
        files.append(context.scratch / EVALUATION)
        text = evaluation.model_dump_json(exclude_none=True, indent=2)
        files[-1].write_text(text + "\n", encoding="utf-8")
    for path in files:
        results.store(path, path.name)
    log.info("Evaluation: %s", summary(evaluation))


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
    evaluated: Mapping[str, Evaluated],
    samples: Samples,
    folder: Path,
    title: str,
    *,
    stop: Callable[[], bool],
    end: float,
    clock: Callable[[], float],
) -> tuple[dict[str, OutputEvaluation], list[Path]]:
    """Draw the pictures of the evaluated outputs into `folder`, and return the evaluations and the pictures' paths.

    The returned evaluations have the names of the pictures. The pictures of the first output have the names CONFUSION
    and MISTAKES; the others have a suffix. A picture that would probably end after the time `end` of `clock` is left
    out, but never a picture of the first output. No more pictures are drawn if `stop` returns true.
    """
    outputs: dict[str, OutputEvaluation] = {}
    files: list[Path] = []
    has_several = len(samples.outputs) > 1
    longest = 0.0
    for name, suffix in zip(evaluated, file_suffixes(evaluated), strict=True):
        evaluation, worst = evaluated[name]
        drawings: dict[str, tuple[str, Callable[[Path, str], None]]] = {}
        if evaluation.classes is not None:
            drawings["confusion"] = CONFUSION, partial(pictures.draw_confusion, evaluation.classes)
        if images := _images(samples, worst):
            drawings["mistakes"] = MISTAKES, partial(pictures.draw_images, images, captions(evaluation))
        for field, (file, draw) in drawings.items():
            path, began = folder / _with_suffix(file, suffix), clock()
            if stop():
                log.info("No %s: the process must end, or memory is short", path.name)
            elif outputs and began + longest > end:
                log.info("No %s: the time limit of the evaluation is reached", path.name)
            else:
                draw(path, f"{title}, {name}" if has_several else title)
                longest = max(longest, clock() - began)
                evaluation = evaluation.model_copy(update={field: path.name})
                files.append(path)
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
