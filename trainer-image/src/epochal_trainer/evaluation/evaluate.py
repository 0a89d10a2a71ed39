"""Evaluates the outputs of a Keras model on the test or validation set."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import keras
from epochal_api.evaluation import OutputEvaluation, Place
from epochal_api.trainingjob.training import OutputTraining
from epochal_lib.model_server.answers import TEXT
from numpy.typing import NDArray

from epochal_trainer.data.samples import Samples
from epochal_trainer.data.texts import as_characters
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.evaluation import passes
from epochal_trainer.evaluation.classes import ClassTally
from epochal_trainer.evaluation.numbers import NumberTally
from epochal_trainer.evaluation.target import (
    Classes,
    Labels,
    NotEvaluated,
    Numbers,
    class_labels,
    number_labels,
    target_of,
)
from epochal_trainer.export.tensors import inputs_of, predict
from epochal_trainer.model.last_layer import find_last_layer

Array = NDArray[Any]


class EvaluationSet(NamedTuple):
    """The samples on which a model is evaluated, and their name in spec.data."""

    name: Literal["test", "validation"]
    samples: Samples


def find_evaluation_set(data: TrainingData) -> EvaluationSet:
    """Return the samples on which the model is evaluated: the test set, or without a test set the validation set.

    The test set is preferred because the best epoch was not selected with it.

    Raises:
        NotEvaluated: If the training has neither a test set nor a validation set.
    """
    if data.test is not None:
        return EvaluationSet("test", data.test)
    if data.validation is not None:
        return EvaluationSet("validation", data.validation)
    raise NotEvaluated("an evaluation needs spec.data.test or spec.data.validation")


def find_targets(
    model: keras.Model, samples: Samples, outputs: Sequence[OutputTraining]
) -> dict[str, Classes | Numbers]:
    """Return for each output of a model, by name, whether its predictions are compared as classes or as numbers.

    Outputs that cannot be evaluated are missing.

    Raises:
        NotEvaluated: If no output can be evaluated.
    """
    targets: dict[str, Classes | Numbers] = {}
    reasons = []
    for index, (output, tensor) in enumerate(zip(outputs, model.outputs, strict=True)):
        last = find_last_layer(model, index)
        try:
            targets[output.name] = target_of(samples.view(output_name=output.name), tensor.shape[1:], output.loss, last)
        except NotEvaluated as error:
            reasons.append(str(error) if len(outputs) == 1 else f"{output.name}: {error}")
    if not targets:
        raise NotEvaluated("; ".join(reasons))
    return targets


class Evaluated(NamedTuple):
    """The evaluation of one output of a model.

    Args:
        evaluation: The statistics of the output.
        worst: The indices in the data set of the samples with the worst mistakes, worst first.
    """

    evaluation: OutputEvaluation
    worst: list[int]


def evaluate(
    model: keras.Model,
    samples: Samples,
    targets: Mapping[str, Classes | Numbers],
    *,
    class_names: Mapping[str, tuple[str, ...]],
    batch_size: int,
    seconds: float,
    stop: Callable[[], bool],
) -> dict[str, Evaluated]:
    """Predict the samples with a model, and return the evaluation of each output in `targets`, by name.

    Args:
        model: The model.
        samples: The data set.
        targets: Result of `find_targets`: the outputs to evaluate.
        class_names: Class names by output. Outputs whose classes have no names are missing.
        batch_size: Maximum samples per batch. It is that of the training: a larger batch might need more memory, or
            more time than spec.training.stallSeconds.
        seconds: Time limit. Samples that are not predicted by then are skipped.
        stop: Called before each batch; returns whether to stop.

    Raises:
        NotEvaluated: If `stop` returned true before the first batch, so that no sample was predicted.
    """
    specs = inputs_of(model)
    arrays = [array.values for array in samples.inputs.values()]
    source = next(iter(samples.inputs.values())).source
    positions = [list(samples.outputs).index(name) for name in targets]

    def outputs(rows: Array) -> list[Array]:
        inputs = {spec.name: _in_type(array[rows], spec.dtype) for spec, array in zip(specs, arrays, strict=True)}
        values = list(predict(model, inputs).values())
        return [values[position] for position in positions]

    def place(index: int) -> Place:
        return Place(source=source, row=samples.source_row(index))

    tallies = {
        name: ClassTally(target.count, target.scale) if isinstance(target, Classes) else NumberTally(target.values)
        for name, target in targets.items()
    }
    counts = passes.run(
        len(samples),
        batch_size,
        predict=outputs,
        tallies=[
            passes.Tally(_labels_of(samples.view(output_name=name), target), tallies[name].add)
            for name, target in targets.items()
        ],
        stop=stop,
        seconds=seconds,
    )
    if counts[0].skipped == len(samples):
        raise NotEvaluated(
            "the evaluation was stopped before the first sample: the process must end, or memory is short"
        )
    evaluated = {}
    for (name, tally), count in zip(tallies.items(), counts, strict=True):
        names = class_names.get(name, ())
        evaluation = OutputEvaluation(
            evaluated=count.evaluated,
            unlabeled=count.unlabeled,
            not_finite=count.not_finite,
            classes=tally.evaluation(names, place) if isinstance(tally, ClassTally) else None,
            numbers=tally.evaluation(place) if isinstance(tally, NumberTally) else None,
        )
        evaluated[name] = Evaluated(evaluation, tally.worst.rows())
    return evaluated


def _labels_of(samples: Samples, target: Classes | Numbers) -> Callable[[Array], Labels]:
    if isinstance(target, Classes):
        return partial(class_labels, samples, target=target)
    return partial(number_labels, samples)


def _in_type(array: Array, dtype: str) -> Array:
    """Convert features to the data type of an input of a network. Text is decoded to characters."""
    return as_characters(array) if dtype == TEXT else array.astype(dtype)
