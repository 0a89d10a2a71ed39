"""Loading of a training's data sets, and the checks that they fit the network and the loss."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
from epochal_api.trainingjob import TrainingJobSpec

from epochal_trainer.data import (
    DataSets,
    Samples,
    check_features,
    check_labels,
    check_part,
    check_weights,
    load,
    weighted_by_class,
)
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.naming import names_of
from epochal_trainer.data.samples import shaped
from epochal_trainer.data.weights import DTYPE as WEIGHT
from epochal_trainer.lib.text import duration, readable
from epochal_trainer.model import network
from epochal_trainer.model.indices import check_indices
from epochal_trainer.storage import Bucket

log = logging.getLogger(__name__)

_SHOWN = 10
"""Maximum number of classes whose weights or names the log shows."""


def loaded(spec: TrainingJobSpec, bucket: Bucket, model: keras.Model, *, scratch: Path, memory: Memory) -> DataSets:
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
    added: dict[str, str] = {}

    # Check whole sets, before the split: then an error can name the place in the object, and does not depend on the
    # split.
    def fit(samples: Samples) -> Samples:
        given, samples = samples, check_features(samples, spec.network.input.shape)
        if given.features.ndim != samples.features.ndim:
            added[samples.features_name] = shaped(given.features.shape[1:]) or "a single value"
        ignored = spec.training.loss.arguments.get("ignore_class")
        samples = check_labels(samples, model.output.shape[1:], spec.training.loss.name, ignored)
        check_indices(samples, network.graph(spec.network))
        return check_weights(samples, model.output.shape[1:])

    data = load(spec.data, bucket, scratch, memory, training=spec.training, fit=fit)
    for name, found in added.items():
        takes = shaped(tuple(spec.network.input.shape))
        log.info("%s: a sample is %s, and the network takes %s: an axis of 1 is added", name, found, takes)
    if spec.data.validation is not None and spec.data.validation.split is not None:
        for part, samples in (("training", data.train), ("validation", data.validation)):
            check_part(samples, part)
    if (wanted := spec.training.class_weight) is not None:
        memory.reserve(len(data.train) * WEIGHT.itemsize, "spec.training.classWeight")
        train, by_class = weighted_by_class(data.train, wanted, spec.training.loss)
        data = replace(data, train=train, class_weights=by_class)
        log.info("Weights of classes: %s", _listed([f"{number}: {weight:g}" for number, weight in by_class.items()]))
    if (given := data.train.class_names) and (names := names_of(data, model.output.shape[1:], spec.training.loss.name)):
        data = replace(data, class_names=names)
        log.info("Classes, from %s: %s", given.source, _listed(names))
    for role, samples in (("training", data.train), ("validation", data.validation), ("test", data.test)):
        if samples is not None:
            log.info("Data for %-11s %s", role + ":", samples.describe())
    sets = [samples for samples in (data.train, data.validation, data.test) if samples]
    size = sum(samples.nbytes for samples in sets)
    log.info("Data: %s in memory, loaded in %s", readable(size), duration(time.monotonic() - began))
    return data


def _listed(what: Sequence[str]) -> str:
    return ", ".join(what[:_SHOWN]) + (", …" if len(what) > _SHOWN else "")
