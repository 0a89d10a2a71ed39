"""Splits the training set into a training part and a validation part (spec.data.validation.split)."""

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
    """Split the training set into the training part and the validation part.

    Without `shuffle` and `stratify`, the validation part is the end of the set, and the parts are views, not copies.

    Args:
        samples: The training set.
        fraction: Fraction of the samples for the validation part.
        training: Its seed determines the random draw, and its loss whether labels are classes.
        shuffle: Whether the validation samples are drawn from all samples, and both parts are in random order.
        stratify: Whether the fraction is drawn from each class of the first output.

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
                f"spec.data.validation.stratify: {error}: stratify needs labels that name a class for each sample, as "
                f"class indices, one-hot rows, or 0 and 1; remove stratify{other}, or use spec.data.shuffle",
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
    """Return the parameters of the random draw of validation samples: shuffle, stratify and seed.

    Return an empty dict if the validation part is the end of the training set, and None without
    spec.data.validation.split.
    """
    validation = data.validation
    if validation is None or validation.split is None:
        return None
    drawn = {"shuffle": data.shuffle, "stratify": validation.stratify}
    return {**drawn, "seed": training.seed} if any(drawn.values()) else {}


def split_indices(
    count: int, fraction: float, *, shuffle: bool = False, classes: Array | None = None, seed: int = 0
) -> tuple[Rows, Rows]:
    """Return the indices of the training part and of the validation part.

    Without `shuffle` and `classes`, the validation part is the end of the data, as with Keras' validation_split. With
    `shuffle`, it is drawn from all samples, and the indices are in random order. With `classes`, the class of each
    sample, the fraction is drawn from each class: a class of at least two samples is in both parts, and a class of one
    sample only in the training part. The same seed has the same result in any version of NumPy.
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
