"""Which samples of the training set are set aside to validate on."""

from math import floor
from typing import Any, TypeAlias

import numpy as np
from epochal_api.storage import Data
from epochal_api.training import Training

from epochal_trainer.data.classes import NoClasses, classes
from epochal_trainer.data.samples import Array, Samples
from epochal_trainer.lib.failures import bad_data

Rows: TypeAlias = slice | Array
"""Samples by their places in a data set."""


def divide(
    samples: Samples, fraction: float, *, training: Training, shuffle: bool = False, stratify: bool = False
) -> tuple[Samples, Samples]:
    """Divides the training set.

    Args:
        samples: The whole.
        fraction: How much of it to set aside, above 0 and below 1.
        training: The seed that draws the parts, and the loss, which says whether labels are classes.
        shuffle: Whether to put it into an order that is drawn, first.
        stratify: Whether each class is to give its share.

    Returns:
        What is left, and the part to validate on: views of the whole where that is its end, else copies of all of it.

    Raises:
        Failure: EmptyData, if one of them is empty; InvalidLabels, if it is to be divided by classes and has none.
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
    """Returns how a part of the training set is chosen to validate on: what it follows from, beside data and fraction.

    Args:
        data: The data.
        training: What draws the parts.

    Returns:
        Empty if it is the end of the training set; None if there is no such part.
    """
    validation = data.validation
    if validation is None or validation.split is None:
        return None
    drawn = {"shuffle": data.shuffle, "stratify": validation.stratify}
    return {**drawn, "seed": training.seed} if any(drawn.values()) else {}


def parts(
    count: int, fraction: float, *, shuffle: bool = False, classes: Array | None = None, seed: int = 0
) -> tuple[Rows, Rows]:
    """Chooses samples to validate on: the last ones, exactly as Keras' validation_split does, unless it is to be drawn.

    Args:
        count: How many samples there are.
        fraction: How much of them to choose, above 0 and below 1.
        shuffle: Whether to put them into an order that is drawn, first.
        classes: The class of each, each of which is to give its share, drawn; None for the last ones of all. A class of
            two samples or more is in both parts, one of a single sample is left.
        seed: What is drawn follows from it alone, in any version of NumPy.

    Returns:
        Those that are left, and those that are chosen; in the order of the data unless that is drawn.
    """
    at = floor(count * (1.0 - fraction))
    if not shuffle and classes is None:
        return slice(0, at), slice(at, count)
    # Its streams never change, those of numpy.random.Generator may: https://numpy.org/neps/nep-0019-rng-policy.html
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
