"""The weight of each sample in the loss, from weights beside the data and from class weights."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.training import MAX_WEIGHT

from epochal_trainer.data.classes import NoClasses, classes, listed
from epochal_trainer.data.samples import Array, Samples, first_place, shaped
from epochal_trainer.lib.failures import Failure, bad_data, bad_spec

DTYPE = np.dtype(np.float32)
"""Type of weights, whatever their stored type: Keras computes with it."""
_FIELD = "spec.training.classWeight"


def check_weights(samples: Samples, output_shape: Sequence[int | None]) -> Samples:
    """Check that weights, if there are any, can be multiplied with the losses by Keras.

    Args:
        samples: The data set.
        output_shape: Shape of the network's output for one sample; None for an axis of any size.

    Returns:
        The data set, with weights of type DTYPE and with as many axes as the losses.

    Raises:
        Failure: ShapeMismatch, if there is not one weight for each sample, or for each position of the output.
            InvalidData, if a weight is below 0 or too large, or all are 0.
    """
    weights, name = samples.weights, samples.weights_name
    if weights is None:
        return samples
    axes, each, places = weights.ndim, weights.shape[1:], tuple(output_shape)[:-1]
    if each in ((), (1,)):
        # Keras would broadcast them along the last axis of the losses.
        weights = weights.reshape(-1, *(1 for _ in places))
    elif len(each) != len(places) or any(size not in (None, given) for size, given in zip(places, each, strict=True)):
        of_each = f", or {shaped(places)}" if places else ""
        raise bad_data(
            "ShapeMismatch",
            f"{name} holds {shaped(each)} weights for each sample: there must be one{of_each}",
        )
    wrong = (weights < 0) | (weights > MAX_WEIGHT)
    if wrong.any():
        where = first_place(wrong)
        must = f"a weight must be from 0 to {MAX_WEIGHT:,.0f}"
        raise bad_data("InvalidData", f"{name} holds {weights[*where]} at {where[:axes]}, and {must}")
    if not weights.any():
        raise bad_data("InvalidData", f"{name} holds zeros alone: no sample would count")
    return replace(samples, weights=weights.astype(DTYPE, copy=False))


def check_part(samples: Samples | None, part: str) -> None:
    """Check that a part of a data set has a weight above 0. The weights of the whole set are already checked.

    Args:
        samples: The part, or None.
        part: Name of the part, for messages.

    Raises:
        Failure: InvalidData.
    """
    if samples is not None and samples.weights is not None and not samples.weights.any():
        raise bad_data(
            "InvalidData",
            f"{samples.weights_name} holds zeros alone in the {part} part: no sample would count. Use stratify or "
            "spec.data.shuffle, or another spec.data.validation.split",
        )


def weighted_by_class(
    samples: Samples, class_weight: str | Mapping[str, str], loss: Named
) -> tuple[Samples, dict[int, float]]:
    """Multiply sample weights by class weights, as Keras' class_weight does.

    Args:
        samples: The training set, with checked weights.
        class_weight: The class weights, as in spec.training.classWeight.
        loss: The loss, which determines whether labels are classes.

    Returns:
        The data set, and the weight of each of its classes.

    Raises:
        Failure: InvalidTraining, if labels do not name classes, or `class_weight` contains a class that the data lack.
    """
    try:
        of_samples = classes(samples, loss.name)
    except NoClasses as error:
        raise _fault(
            f"{error}: it needs labels that name a class for each sample, class indices, one-hot rows, or 0 and 1; "
            "an array sample_weight beside the data can weight any samples"
        ) from error
    there, places, counts = np.unique(of_samples, return_inverse=True, return_counts=True)
    if isinstance(class_weight, str):
        # All classes get the same total weight, and the sum over all samples stays.
        counts = np.where(there == loss.arguments.get("ignore_class"), 0, counts)
        found = counts > 0
        factors = np.where(found, counts.sum() / (np.count_nonzero(found) * np.maximum(counts, 1)), 1.0)
    else:
        factors = _given(class_weight, there, samples.labels_name)
    weights = factors.astype(DTYPE)[places]
    if samples.weights is not None:
        weights = samples.weights * weights.reshape(-1, *(1 for _ in samples.weights.shape[1:]))
    sources = " × ".join(source for source in (samples.weights_name, _FIELD) if source)
    if not weights.any():
        raise _fault(f"{sources} is 0 for all samples of {samples.labels_name}: none would count")
    by_class = {int(number): float(factor) for number, factor in zip(there, factors, strict=True)}
    return replace(samples, weights=weights, weights_name=sources), by_class


def _given(given: Mapping[str, str], there: Array, labels_name: str) -> Array:
    weights = {int(number): float(weight) for number, weight in given.items()}
    if strange := sorted(weights.keys() - {int(number) for number in there}):
        raise _fault(
            f"names class {listed(np.array(strange))}, and the classes to train on, in {labels_name}, are "
            f"{listed(there)}: name those alone"
        )
    return np.array([weights.get(int(number), 1.0) for number in there])


def _fault(found: str) -> Failure:
    return bad_spec("InvalidTraining", f"{_FIELD}: {found}")
