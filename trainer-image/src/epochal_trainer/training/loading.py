"""Loading of a training's data sets, and the checks that they fit the network and the loss."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal_trainer.data.class_names import names_of
from epochal_trainer.data.features import check_features
from epochal_trainer.data.labels import check_labels
from epochal_trainer.data.load import load
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import DataSets, Samples, shaped
from epochal_trainer.data.weights import DTYPE as WEIGHT
from epochal_trainer.data.weights import check_part, check_weights, weighted_by_class
from epochal_trainer.lib.text import duration, readable
from epochal_trainer.model.graph import nodes_of
from epochal_trainer.model.indices import check_indices
from epochal_trainer.storage import Bucket

log = logging.getLogger(__name__)

_SHOWN = 10
"""Maximum number of classes whose weights or names the log shows."""


def load_data(spec: TrainingJobSpec, bucket: Bucket, model: keras.Model, *, scratch: Path, memory: Memory) -> DataSets:
    """Return the data sets of a training.

    Args:
        spec: The spec of the TrainingJob.
        bucket: Holds the data.
        model: The model that the data sets must fit.
        scratch: Folder for temporary files.
        memory: The limit for the memory of the data sets.

    Raises:
        Failure: If they cannot be read or do not fit. The message names the value found and the requirement.
    """
    began = time.monotonic()
    output_shape, loss = model.output.shape[1:], spec.training.loss
    added: dict[str, str] = {}

    # Check whole sets, before the split: then an error can name the place in the object, and does not depend on the
    # split.
    def fit(samples: Samples) -> Samples:
        given, samples = samples, check_features(samples, spec.network.input.shape)
        if given.features.ndim != samples.features.ndim:
            added[samples.features_name] = shaped(given.features.shape[1:]) or "a single value"
        samples = check_labels(samples, output_shape, loss.name, loss.arguments.get("ignore_class"))
        check_indices(samples, nodes_of(spec.network))
        return check_weights(samples, output_shape)

    data = load(spec.data, bucket, scratch, memory, training=spec.training, fit=fit)
    for name, found in added.items():
        expected = shaped(tuple(spec.network.input.shape))
        log.info("%s: a sample is %s, and the network takes %s: an axis of 1 is added", name, found, expected)
    if spec.data.validation is not None and spec.data.validation.split is not None:
        for part, samples in (("training", data.train), ("validation", data.validation)):
            check_part(samples, part)
    if (class_weight := spec.training.class_weight) is not None:
        memory.reserve(len(data.train) * WEIGHT.itemsize, "spec.training.classWeight")
        train, by_class = weighted_by_class(data.train, class_weight, loss)
        data = replace(data, train=train, class_weights=by_class)
        log.info("Weights of classes: %s", _listed([f"{number}: {weight:g}" for number, weight in by_class.items()]))
    if (given := data.train.class_names) and (names := names_of(data, output_shape, loss.name)):
        data = replace(data, class_names=names)
        log.info("Classes, from %s: %s", given.source, _listed(names))
    sets = {"training": data.train, "validation": data.validation, "test": data.test}
    for role, samples in sets.items():
        if samples is not None:
            log.info("Data for %-11s %s", role + ":", samples.describe())
    size = sum(samples.nbytes for samples in sets.values() if samples is not None)
    log.info("Data: %s in memory, loaded in %s", readable(size), duration(time.monotonic() - began))
    return data


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
