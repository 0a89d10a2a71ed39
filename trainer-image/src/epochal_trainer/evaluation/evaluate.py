"""Evaluates a Keras model on a data set."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import keras
from epochal_api.evaluation import EvaluatedModel, Evaluation, Place
from epochal_api.trainingjob.network import Named
from numpy.typing import NDArray

from epochal_trainer.data.samples import Samples, TrainingData
from epochal_trainer.evaluation import passes
from epochal_trainer.evaluation.classes import ClassTally
from epochal_trainer.evaluation.numbers import NumberTally
from epochal_trainer.evaluation.target import (
    Classes,
    NotEvaluated,
    Numbers,
    class_labels,
    number_labels,
    target_of,
)
from epochal_trainer.export.tensors import inputs_of, predict
from epochal_trainer.model.last_layer import find_last_layer

Array = NDArray[Any]


class DataSet(NamedTuple):
    """The data set of an evaluation, with its name in spec.data."""

    name: Literal["test", "validation"]
    samples: Samples


def find_data_set(data: TrainingData) -> DataSet:
    """Return the test set, which no epoch was chosen by, or the validation set without one.

    Raises:
        NotEvaluated: If the training has neither.
    """
    if data.test is not None:
        return DataSet("test", data.test)
    if data.validation is not None:
        return DataSet("validation", data.validation)
    raise NotEvaluated("it needs spec.data.test or spec.data.validation")


def find_target(model: keras.Model, samples: Samples, loss: Named) -> Classes | Numbers:
    """Return how labels and outputs of a model are compared.

    Raises:
        NotEvaluated: If the outputs are neither one of several classes nor numbers.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        found = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise NotEvaluated(f"an evaluation needs a network with one input and one output, found {found}")
    return target_of(samples, model.outputs[0].shape[1:], loss, find_last_layer(model))


def evaluate(
    model: keras.Model,
    file: EvaluatedModel,
    data_set: DataSet,
    target: Classes | Numbers,
    *,
    class_names: tuple[str, ...],
    batch_size: int,
    seconds: float,
    stop: Callable[[], bool],
) -> tuple[Evaluation, list[int]]:
    """Return the evaluation of a model, and the indices in the data set of its worst samples, worst first.

    Args:
        model: The model.
        file: Its file.
        data_set: The data set.
        target: How labels and outputs are compared.
        class_names: Names of the classes; empty if unknown.
        batch_size: Samples per batch of the training: a larger batch might need more memory, or longer than
            `spec.training.stallSeconds`.
        seconds: Time limit.
        stop: Called before each batch; returns whether to stop.

    Raises:
        NotEvaluated: If no sample was predicted, because `stop` returned true at once.
    """
    samples = data_set.samples
    (spec,) = inputs_of(model)

    def outputs(rows: Array) -> Array:
        (values,) = predict(model, {spec.name: samples.features[rows].astype(spec.dtype)}).values()
        return values

    def place(index: int) -> Place:
        return Place(source=samples.features_name, row=samples.source_row(index))

    tally = ClassTally(target.count, target.scale) if isinstance(target, Classes) else NumberTally(target.values)
    labels = (
        partial(class_labels, samples, target=target)
        if isinstance(target, Classes)
        else partial(number_labels, samples)
    )
    counts = passes.run(
        len(samples),
        batch_size,
        predict=outputs,
        labels=labels,
        add=tally.add,
        stop=stop,
        seconds=seconds,
    )
    if counts.skipped == len(samples):
        raise NotEvaluated("there was no time or memory for a sample")
    evaluation = Evaluation(
        model=file,
        data=data_set.name,
        samples=len(samples),
        evaluated=counts.evaluated,
        skipped=counts.skipped,
        unlabeled=counts.unlabeled,
        not_finite=counts.not_finite,
        classes=tally.evaluation(class_names, place) if isinstance(tally, ClassTally) else None,
        numbers=tally.evaluation(place) if isinstance(tally, NumberTally) else None,
    )
    return evaluation, tally.worst.rows()
