"""The data of a training: read, and found to fit its network and its loss."""

import logging
import time
from dataclasses import replace
from pathlib import Path

import keras
from epochal_api.trainingjob import TrainingJobSpec

from epochal_trainer.data import (
    DataSets,
    Samples,
    check_features,
    check_labels,
    check_weights,
    load,
    weighted_by_class,
)
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.weights import DTYPE as WEIGHT
from epochal_trainer.lib.text import duration, readable
from epochal_trainer.model import network
from epochal_trainer.model.indices import check_indices
from epochal_trainer.storage import Bucket

log = logging.getLogger(__name__)

_SHOWN = 10
"""Classes whose weights the log shows."""


def loaded(spec: TrainingJobSpec, bucket: Bucket, model: keras.Model, *, scratch: Path, memory: Memory) -> DataSets:
    """Returns the data sets of a training.

    Args:
        spec: What is trained.
        bucket: Holds the data.
        model: The model, which they must fit.
        scratch: Folder for files on the way.
        memory: What they may take.

    Raises:
        Failure: If they cannot be read, or do not fit, naming what was found and what must hold.
    """
    began = time.monotonic()
    data = load(spec.data, bucket, scratch, memory, training=spec.training)

    def checked(samples: Samples) -> Samples:
        samples = check_features(samples, spec.network.input.shape)
        ignored = spec.training.loss.arguments.get("ignore_class")
        check_labels(samples, model.output.shape[1:], spec.training.loss.name, ignored)
        check_indices(samples, network.graph(spec.network))
        return check_weights(samples, model.output.shape[1:])

    data = replace(
        data,
        train=checked(data.train),
        validation=checked(data.validation) if data.validation else None,
        test=checked(data.test) if data.test else None,
    )
    if (wanted := spec.training.class_weight) is not None:
        memory.reserve(len(data.train) * WEIGHT.itemsize, "spec.training.classWeight")
        train, by_class = weighted_by_class(data.train, wanted, spec.training.loss)
        data = replace(data, train=train, class_weights=by_class)
        shown = [f"{number}: {weight:g}" for number, weight in by_class.items()]
        log.info("Weights of classes: %s%s", ", ".join(shown[:_SHOWN]), ", …" if len(shown) > _SHOWN else "")
    for role, samples in (("training", data.train), ("validation", data.validation), ("test", data.test)):
        if samples is not None:
            log.info("Data for %-11s %s", role + ":", samples.describe())
    sets = [samples for samples in (data.train, data.validation, data.test) if samples]
    size = sum(samples.nbytes for samples in sets)
    log.info("Data: %s in memory, loaded in %s", readable(size), duration(time.monotonic() - began))
    return data
