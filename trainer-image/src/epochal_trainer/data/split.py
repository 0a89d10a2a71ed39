"""The division of the training set into samples for training and for validation."""

from math import floor
from typing import Any, TypeAlias

import numpy as np
from epochal_api.storage import Data
from epochal_api.trainingjob.training import Training

from epochal_trainer.data.classes import NoClasses, classes
from epochal_trainer.data.samples import Array, Samples
from epochal_trainer.lib.failures import bad_data

Rows: TypeAlias = slice | Array
"""Indices of samples in a data set."""


def divide(
    samples: Samples, fraction: float, *, training: Training, shuffle: bool = False, stratify: bool = False
) -> tuple[Samples, Samples]:
    """Divide the training set into a training part and a validation part.

    Args:
        samples: The whole training set.
        fraction: Fraction for validation, above 0 and below 1.
        training: The seed for the draw, and the loss, which determines whether labels are classes.
        shuffle: Whether to shuffle the samples first.
        stratify: Whether to take the fraction from each class.

    Returns:
        The training part and the validation part. They are views if the validation part is the end of the data set,
        else copies.

    Raises:
        Failure: EmptyData, if a part is empty. InvalidLabels, if `stratify` is set and the labels name no classes.
    """
    of_samples = None
    if stratify:
        try:
            of_samples = classes(samples, training.loss.name)
        except NoClasses as error:
            raise bad_data(
                "InvalidLabels",
                f"spec.data.validation.stratify: {error}: it needs labels that name a class for each sample, class "
                "indices, one-hot rows, or 0 and 1; leave it out, or use spec.data.shuffle",
            ) from error
    rows = parts(len(samples), fraction, shuffle=shuffle, classes=of_samples, seed=training.seed)
    left, held_out = (samples.taken(each) for each in rows)
    if not len(left) or not len(held_out):
        raise bad_data(
            "EmptyData",
            f"spec.data.validation.split {fraction} of the {len(samples):,} samples in {samples.features_name} "
            "leaves one part without any: name another fraction",
        )
    return left, held_out


def described(data: Data, training: Training) -> dict[str, Any] | None:
    """Return the parameters of the draw of validation samples, apart from data and fraction.

    Args:
        data: The spec of the data.
        training: The seed for the draw.

    Returns:
        The parameters; empty if the validation part is the end of the training set; None without such a part.
    """
    validation = data.validation
    if validation is None or validation.split is None:
        return None
    drawn = {"shuffle": data.shuffle, "stratify": validation.stratify}
    return {**drawn, "seed": training.seed} if any(drawn.values()) else {}


def parts(
    count: int, fraction: float, *, shuffle: bool = False, classes: Array | None = None, seed: int = 0
) -> tuple[Rows, Rows]:
    """Choose validation samples: the last ones, exactly as Keras' validation_split, or drawn ones.

    Args:
        count: Number of samples.
        fraction: Fraction to choose, above 0 and below 1.
        shuffle: Whether to shuffle the samples first.
        classes: The class of each sample, to draw the fraction from each class; None to choose from all samples
            together. A class of at least two samples is in both parts, a class of one sample only in the first.
        seed: Seed of the draw, with the same result in any version of NumPy.

    Returns:
        The indices of the training part and of the validation part, in the order of the data unless shuffled.
    """
    at = floor(count * (1.0 - fraction))
    if not shuffle and classes is None:
        return slice(0, at), slice(at, count)
    # RandomState is stable, numpy.random.Generator may change: https://numpy.org/neps/nep-0019-rng-policy.html
    rows = np.random.RandomState(seed).permutation(count)
    if classes is None:
        return rows[:at], rows[at:]
    chosen = np.zeros(count, bool)
    _, counts = np.unique(classes, return_counts=True)
    places = np.argsort(classes[rows], kind="stable")
    for of_class in np.split(places, np.cumsum(counts)[:-1]):
        size = len(of_class)
        share = min(max(round(size * fraction), 1), size - 1)
        chosen[of_class[size - share :]] = True
    left, held_out = rows[~chosen], rows[chosen]
    return (left, held_out) if shuffle else (np.sort(left), np.sort(held_out))
