"""What samples count in the loss: weights that lie beside the data, and weights of classes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from epochal_api.network import Named
from epochal_api.training import MAX_WEIGHT

from epochal_trainer.data.classes import NoClasses, classes, listed
from epochal_trainer.data.samples import Array, Samples, shaped
from epochal_trainer.lib.failures import Failure, bad_data, bad_spec

DTYPE = np.dtype(np.float32)
"""Type of weights, whatever they were stored as: Keras computes with it."""
_FIELD = "spec.training.classWeight"


def check_weights(samples: Samples, output_shape: Sequence[int | None]) -> Samples:
    """Makes sure that weights, if there are any, are what Keras multiplies losses with.

    Args:
        samples: The data set.
        output_shape: Shape of the network's output for one sample; None for an axis of any size.

    Returns:
        The data set, its weights of type DTYPE and with as many axes as there are losses.

    Raises:
        Failure: ShapeMismatch, if they are not one for each sample, or one for each place of the output; InvalidData,
            if one is below 0 or too large, or all are 0.
    """
    weights, name = samples.weights, samples.weights_name
    if weights is None:
        return samples
    axes, each, places = weights.ndim, weights.shape[1:], tuple(output_shape)[:-1]
    if each in ((), (1,)):
        # Keras would lay them along the last axis of the losses.
        weights = weights.reshape(-1, *(1 for _ in places))
    elif len(each) != len(places) or any(size not in (None, one) for size, one in zip(places, each, strict=True)):
        of_each = f", or {'×'.join('?' if size is None else str(size) for size in places)}" if places else ""
        raise bad_data(
            "ShapeMismatch",
            f"{name} holds {shaped(each)} weights for each sample: there must be one{of_each}",
        )
    wrong = (weights < 0) | (weights > MAX_WEIGHT)
    if wrong.any():
        where = tuple(int(index) for index in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        must = f"a weight must be from 0 to {MAX_WEIGHT:,.0f}"
        raise bad_data("InvalidData", f"{name} holds {weights[where]} at {list(where[:axes])}, and {must}")
    if not weights.any():
        raise bad_data("InvalidData", f"{name} holds zeros alone: no sample would count")
    return replace(samples, weights=weights.astype(DTYPE, copy=False))


def check_part(samples: Samples | None, part: str) -> None:
    """Makes sure that some sample counts in a part of a data set whose weights are checked.

    Args:
        samples: The part, if there is one.
        part: What people call it.

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
    samples: Samples, wanted: str | Mapping[str, str], loss: Named
) -> tuple[Samples, dict[int, float]]:
    """Weights samples by their classes, as Keras' class_weight does; they keep what they counted before as a factor.

    Args:
        samples: The training set, its weights checked.
        wanted: What classes are to count, as spec.training.classWeight has it.
        loss: The loss, which says whether labels are classes.

    Returns:
        The data set, and the weight of each class in it.

    Raises:
        Failure: InvalidTraining, if labels do not name classes, or the weights a class that is not there.
    """
    try:
        of_samples = classes(samples, loss.name)
    except NoClasses as error:
        raise _fault(
            f"{error}: it needs labels that name a class for each sample, class indices, one-hot rows, or 0 and 1; "
            "an array sample_weight beside the data can weight any samples"
        ) from error
    there, places, counts = np.unique(of_samples, return_inverse=True, return_counts=True)
    if isinstance(wanted, str):
        factors = _balanced(np.where(there == loss.arguments.get("ignore_class"), 0, counts))
    else:
        factors = _given(wanted, there, samples.labels_name)
    weights = factors.astype(DTYPE)[places]
    if samples.weights is not None:
        weights = samples.weights * weights.reshape(-1, *(1 for _ in samples.weights.shape[1:]))
    sources = " × ".join(source for source in (samples.weights_name, _FIELD) if source)
    if not weights.any():
        raise _fault(f"{sources} is 0 for all samples of {samples.labels_name}: none would count")
    by_class = {int(number): float(factor) for number, factor in zip(there, factors, strict=True)}
    return replace(samples, weights=weights, weights_name=sources), by_class


def _balanced(counts: Array) -> Array:
    """Returns weights by which all classes count the same, and all samples together as many as they are."""
    found = counts > 0
    return np.where(found, counts.sum() / (np.count_nonzero(found) * np.maximum(counts, 1)), 1.0)


def _given(given: Mapping[str, str], there: Array, labels_name: str) -> Array:
    wanted = {int(number): float(weight) for number, weight in given.items()}
    if strange := sorted(wanted.keys() - {int(number) for number in there}):
        raise _fault(
            f"names class {listed(np.array(strange))}, and the classes to train on, in {labels_name}, are "
            f"{listed(there)}: name those alone"
        )
    return np.array([wanted.get(int(number), 1.0) for number in there])


def _fault(found: str) -> Failure:
    return bad_spec("InvalidTraining", f"{_FIELD}: {found}")
