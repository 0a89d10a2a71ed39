"""Loading of a training's data sets, and the checks that they fit the network and the loss."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal_trainer.data.class_names import matching_class_names
from epochal_trainer.data.feature_names import feature_names_error
from epochal_trainer.data.features import fit_features
from epochal_trainer.data.labels import fit_labels
from epochal_trainer.data.load import load
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.samples import OutputShape, Samples, TrainingData, format_shape
from epochal_trainer.data.weights import WEIGHT_DTYPE, apply_class_weights, check_part_weights, check_weights
from epochal_trainer.lib.text import duration, readable
from epochal_trainer.model.graph import build_nodes
from epochal_trainer.model.indices import check_indices
from epochal_trainer.storage import Bucket

log = logging.getLogger(__name__)

_MAX_SHOWN = 10
"""Maximum number of classes whose weights or names the log shows."""


def load_data(
    spec: TrainingJobSpec, bucket: Bucket, model: keras.Model, *, scratch: Path, memory: MemoryBudget
) -> TrainingData:
    """Return the data sets of a training.

    Raises:
        Failure: If they cannot be read or do not fit. The message names the value found and the requirement.
    """
    began = time.monotonic()
    input_shape, output_shape, loss = spec.network.input.shape, model.output.shape[1:], spec.training.loss
    nodes = build_nodes(spec.network)
    shapes_without_axis: dict[str, str] = {}

    # Check whole sets, before the split: then an error can name the place in the object, and does not depend on the
    # split.
    def prepare(samples: Samples) -> Samples:
        shape, samples = samples.features.shape[1:], fit_features(samples, input_shape)
        if samples.features.shape[1:] != shape:
            shapes_without_axis[samples.features_name] = format_shape(shape) or "a single value"
        samples = fit_labels(samples, output_shape, loss.name, loss.arguments.get("ignore_class"))
        check_indices(samples, nodes)
        return check_weights(samples, output_shape)

    data = load(spec.data, bucket, scratch, memory, training=spec.training, prepare=prepare)
    for name, shape in shapes_without_axis.items():
        expected = format_shape(tuple(input_shape))
        log.info("%s: a sample is %s, and the network takes %s: an axis of 1 is added", name, shape, expected)
    sets = {"training": data.train, "validation": data.validation, "test": data.test}
    if spec.data.validation is not None and spec.data.validation.split is not None:
        for part in ("training", "validation"):
            check_part_weights(sets[part], part)
    if (class_weight := spec.training.class_weight) is not None:
        memory.reserve(len(data.train) * WEIGHT_DTYPE.itemsize, "spec.training.classWeight")
        train, by_class = apply_class_weights(data.train, class_weight, loss)
        data, sets["training"] = replace(data, train=train, class_weights=by_class), train
        log.info("Class weights: %s", _shorten([f"{number}: {weight:g}" for number, weight in by_class.items()]))
    data = _with_names(data, output_shape, loss.name)
    for part, samples in sets.items():
        if samples is not None:
            log.info("Data for %-11s %s", part + ":", samples.describe())
    size = sum(samples.nbytes for samples in sets.values() if samples is not None)
    log.info("Data: %s in memory, loaded in %s", readable(size), duration(time.monotonic() - began))
    return data


def _with_names(data: TrainingData, output_shape: OutputShape, loss: str) -> TrainingData:
    """Return the data with the names of classes and of columns that fit network and loss, and log the names."""
    if (declared := data.train.class_names) and (names := matching_class_names(data, output_shape, loss)):
        data = replace(data, class_names=names)
        log.info("Classes, from %s: %s", declared.source, _shorten(names))
    if (columns := data.train.feature_names) is not None:
        if error := feature_names_error(data.train):
            log.warning("%s holds %s: the model has no names of columns.", columns.source, error)
        else:
            data = replace(data, feature_names=columns.names)
            log.info("Columns, from %s: %s", columns.source, _shorten(columns.names))
    return data


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:_MAX_SHOWN]) + (", …" if len(names) > _MAX_SHOWN else "")
