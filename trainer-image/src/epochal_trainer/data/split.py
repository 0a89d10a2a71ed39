"""The division of the training set into samples for training and for validation."""

from dataclasses import replace
from math import floor
from typing import Any, TypeAlias

import numpy as np
from epochal_api.storage import Data
from epochal_api.trainingjob.training import Training

from epochal_trainer.data.arrays import Array
from epochal_trainer.data.classes import NotClassLabels, class_indices
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import bad_data

Rows: TypeAlias = slice | Array
"""Indices of samples in a data set."""


def split_samples(
    samples: Samples, fraction: float, *, training: Training, shuffle: bool = False, stratify: bool = False
) -> tuple[Samples, Samples]:
    """Return the training part and the validation part of the training set.

    The parts are views if the validation part is the end of the data set, else copies.

    Of `training`, the seed determines the draw, and the loss determines whether labels are classes. Of several outputs,
    the first one determines the classes of a stratified draw.

    Raises:
        Failure: EmptyData, if a part is empty. InvalidLabels, if `stratify` is set and the labels name no classes.
    """
    classes = None
    if stratify:
        names = list(samples.outputs)
        first = training.output_list(names)[0]
        try:
            classes = class_indices(samples.view(output_name=first.name), first.loss.name)
        except NotClassLabels as error:
            other = ", put an output with classes first in spec.network.outputs" if len(names) > 1 else ""
            raise bad_data(
                "InvalidLabels",
                f"spec.data.validation.stratify: {error}: it needs labels that name a class for each sample, as class "
                f"indices, one-hot rows, or 0 and 1; remove it{other}, or use spec.data.shuffle",
            ) from error
    rows = split_indices(len(samples), fraction, shuffle=shuffle, classes=classes, seed=training.seed)
    train, validation = map(samples.subset, rows)
    validation = replace(validation, source_rows=np.arange(len(samples))[rows[1]].copy())
    if not len(train) or not len(validation):
        source = next(iter(samples.inputs.values())).source
        raise bad_data(
            "EmptyData",
            f"spec.data.validation.split {fraction} of the {len(samples):,} samples in {source} "
            "leaves one part without samples: use another fraction",
        )
    return train, validation


def split_parameters(data: Data, training: Training) -> dict[str, Any] | None:
    """Return the parameters of the draw of validation samples, apart from data and fraction.

    Returns:
        The parameters; empty if the validation part is the end of the training set; None without such a part.
    """
    validation = data.validation
    if validation is None or validation.split is None:
        return None
    drawn = {"shuffle": data.shuffle, "stratify": validation.stratify}
    return {**drawn, "seed": training.seed} if any(drawn.values()) else {}


def split_indices(
    count: int, fraction: float, *, shuffle: bool = False, classes: Array | None = None, seed: int = 0
) -> tuple[Rows, Rows]:
    """Return the indices of the training part and of the validation part, in the order of the data unless shuffled.

    The validation part is the last one, exactly as Keras' validation_split, or drawn, with the same result in any
    version of NumPy. With `classes`, the class of each sample, the fraction is drawn from each class: a class of at
    least two samples is in both parts, a class of one sample only in the first.
    """
    train_count = floor(count * (1.0 - fraction))
    if not shuffle and classes is None:
        return slice(0, train_count), slice(train_count, count)
    # RandomState is stable, numpy.random.Generator may change: https://numpy.org/neps/nep-0019-rng-policy.html
    rows = np.random.RandomState(seed).permutation(count)
    if classes is None:
        return rows[:train_count], rows[train_count:]
    in_validation = np.zeros(count, bool)
    _, counts = np.unique(classes, return_counts=True)
    by_class = np.argsort(classes[rows], kind="stable")
    for positions in np.split(by_class, np.cumsum(counts)[:-1]):
        size = len(positions)
        share = min(max(round(size * fraction), 1), size - 1)
        in_validation[positions[size - share :]] = True
    train, validation = rows[~in_validation], rows[in_validation]
    return (train, validation) if shuffle else (np.sort(train), np.sort(validation))
