"""Loads the data sets of a training, and checks that they fit the network and the loss."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import keras
from epochal_api.trainingjob.spec import TrainingJobSpec
from epochal_api.trainingjob.training import OutputTraining

from epochal_trainer.data.arrays import OutputShape
from epochal_trainer.data.class_names import matching_class_names
from epochal_trainer.data.description import describe
from epochal_trainer.data.feature_names import feature_names_error
from epochal_trainer.data.load import load
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.data.weights import WEIGHT_DTYPE, apply_class_weights, check_part_weights
from epochal_trainer.lib.text import format_bytes, format_duration
from epochal_trainer.model import stateful
from epochal_trainer.storage import Bucket
from epochal_trainer.training.match_network import DataMatcher

log = logging.getLogger(__name__)

_MAX_SHOWN = 10
"""Maximum number of classes whose weights or names the log shows."""


def load_data(
    spec: TrainingJobSpec, bucket: Bucket, model: keras.Model, *, scratch: Path, memory: MemoryBudget
) -> TrainingData:
    """Load the data sets of a training, apply class weights, log the sets, and return them.

    Raises:
        Failure: If a data set cannot be read or does not fit the network. The message has the value found and the
            requirement.
    """
    began = time.monotonic()
    training, matcher = spec.training, DataMatcher(spec, model)
    # Check whole sets, before the split: then an error can name the place in the object, and does not depend on the
    # split.
    data = load(spec.data, bucket, scratch, memory, training=training, network=matcher.arrays, prepare=matcher.match)
    matcher.log_added_axes()
    sets = {"training": data.train, "validation": data.validation, "test": data.test}
    order = data.train.order(batch_size=training.batch_size, seed=training.seed, steps=training.steps_per_epoch)
    counts = {part: len(each) for part, each in sets.items() if each is not None}
    if not order.has_partial_batch(training.epochs):
        del counts["training"]
    stateful.check_whole_batches(model, counts)
    if spec.data.validation is not None and spec.data.validation.split is not None:
        for part in ("training", "validation"):
            check_part_weights(sets[part], part)
    if (class_weight := training.class_weight) is not None:
        memory.reserve(len(data.train) * WEIGHT_DTYPE.itemsize, "spec.training.classWeight")
        train, by_class = apply_class_weights(data.train, class_weight, matcher.outputs[0].loss)
        data, sets["training"] = replace(data, train=train, class_weights=by_class), train
        log.info("Class weights: %s", _shorten([f"{number}: {weight:g}" for number, weight in by_class.items()]))
    data = _with_names(data, matcher.output_shapes, matcher.outputs)
    for part, samples in sets.items():
        if samples is not None:
            log.info("Data for %-11s %s", part + ":", describe(samples))
    size = sum(samples.nbytes for samples in sets.values() if samples is not None)
    log.info("Data: %s in memory, loaded in %s", format_bytes(size), format_duration(time.monotonic() - began))
    return data


def _with_names(
    data: TrainingData, outputs: Mapping[str, OutputShape], losses: Sequence[OutputTraining]
) -> TrainingData:
    """Add the names of classes and columns in the data that fit the network and the losses, and log these names."""
    classes, columns = {}, {}
    for output in losses:
        view = data.view(output_name=output.name)
        declared = view.train.class_names
        if declared and (names := matching_class_names(view, outputs[output.name], output.loss.name)):
            classes[output.name] = names
            log.info("Classes, from %s: %s", declared.source, _shorten(names))
    for name in data.train.inputs:
        samples = data.train.view(input_name=name)
        if (declared := samples.feature_names) is None:
            continue
        if error := feature_names_error(samples):
            log.warning("%s holds %s: the model will have no column names.", declared.source, error)
        else:
            columns[name] = declared.names
            log.info("Columns, from %s: %s", declared.source, _shorten(declared.names))
    return replace(data, output_classes=classes, input_columns=columns)


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:_MAX_SHOWN]) + (", …" if len(names) > _MAX_SHOWN else "")
