"""The weight of each sample in the loss: from sample weights in the data file, and from spec.training.classWeight."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.training import MAX_WEIGHT

from epochal_trainer.data.arrays import Array, OutputShape, first_index, format_shape
from epochal_trainer.data.classes import NotClassLabels, class_indices, format_indices
from epochal_trainer.data.samples import Samples, SourceArray
from epochal_trainer.lib.failures import Failure, bad_data, bad_spec

WEIGHT_DTYPE = np.dtype(np.float32)
"""Type to which weights are converted: the type in which Keras computes with weights."""
_FIELD = "spec.training.classWeight"


def check_weights(samples: Samples, output_shapes: Sequence[OutputShape]) -> Samples:
    """Check the sample weights, and return the samples with weights in the type and shape that Keras needs.

    All outputs have the same weights. `output_shapes` are the shapes of the outputs for one sample, in their order.

    Raises:
        Failure: ShapeMismatch, unless there is one weight for each sample, or for each position, such as a pixel, of
            the only output. InvalidData, if a weight is below 0 or above MAX_WEIGHT, or all weights are 0.
    """
    found = next(iter(samples.output_weights.values()), None)
    if found is None:
        return samples
    weights, name = found.values, found.source
    shape = weights.shape[1:]
    positions = {name: tuple(shape)[:-1] for name, shape in zip(samples.outputs, output_shapes, strict=True)}
    is_for_samples = shape in ((), (1,))
    if not is_for_samples:
        of_output = next(iter(positions.values())) if len(positions) == 1 else ()
        if len(shape) != len(of_output) or any(a not in (None, b) for a, b in zip(of_output, shape, strict=True)):
            or_positions = f", or {format_shape(of_output)}" if of_output else ""
            raise bad_data(
                "ShapeMismatch",
                f"{name} holds {format_shape(shape)} weights for each sample: there must be one{or_positions}",
            )
    invalid = (weights < 0) | (weights > MAX_WEIGHT)
    if invalid.any():
        index = first_index(invalid)
        must = f"a weight must be from 0 to {MAX_WEIGHT:,.0f}"
        raise bad_data(
            "InvalidData", f"{name} holds {weights[*index]} at {index[:1] if is_for_samples else index}, but {must}"
        )
    if not weights.any():
        raise bad_data("InvalidData", f"{name} holds only zeros: all samples would have the weight 0")
    weights = weights.astype(WEIGHT_DTYPE, copy=False)
    by_output = {
        # Keras would broadcast weights of samples along the last axis of the losses.
        output: SourceArray(weights.reshape(-1, *(1 for _ in axes)) if is_for_samples else weights, name)
        for output, axes in positions.items()
    }
    return replace(samples, output_weights=by_output)


def check_part_weights(samples: Samples | None, part: str) -> None:
    """Check that a part of a data set has a weight above 0. `check_weights` has checked the whole set.

    Raises:
        Failure: InvalidData, if all weights of the part are 0.
    """
    weights = next(iter(samples.output_weights.values()), None) if samples is not None else None
    if weights is not None and not weights.values.any():
        raise bad_data(
            "InvalidData",
            f"{weights.source} holds only zeros in the {part} part, so its loss would always be 0. Use stratify or "
            "spec.data.shuffle, or another spec.data.validation.split",
        )


def apply_class_weights(
    samples: Samples, class_weight: str | Mapping[str, str], loss: Named
) -> tuple[Samples, dict[int, float]]:
    """Return the samples with weights multiplied by the weight of their class, and the weight of each class.

    `class_weight` is spec.training.classWeight: a weight by class index, as Keras' class_weight (1 for other classes),
    or Balanced for the same total weight of each class.

    Raises:
        Failure: InvalidTraining, if labels do not name classes, or `class_weight` contains a class that the data lack.
    """
    try:
        indices = class_indices(samples, loss.name)
    except NotClassLabels as error:
        raise _invalid_training(
            f"{error}: class weights need labels that name a class for each sample, as class indices, one-hot rows, or "
            "0 and 1; an array sample_weight in the data file can weight samples with any labels"
        ) from error
    classes, positions, counts = np.unique(indices, return_inverse=True, return_counts=True)
    if isinstance(class_weight, str):
        # All classes get the same total weight, and the sum over all samples stays.
        counts = np.where(classes == loss.arguments.get("ignore_class"), 0, counts)
        counted = counts > 0
        factors = np.where(counted, counts.sum() / (np.count_nonzero(counted) * np.maximum(counts, 1)), 1.0)
    else:
        factors = _class_factors(class_weight, classes, samples.labels_source)
    weights = factors.astype(WEIGHT_DTYPE)[positions]
    if samples.weights is not None:
        weights = samples.weights * weights.reshape(-1, *(1 for _ in samples.weights.shape[1:]))
    sources = " × ".join(source for source in (samples.weights_source, _FIELD) if source)
    if not weights.any():
        raise _invalid_training(f"{sources} is 0 for all samples of {samples.labels_source}: the loss would be 0")
    by_class = {int(number): float(factor) for number, factor in zip(classes, factors, strict=True)}
    return samples.with_weights(weights, sources), by_class


def _class_factors(class_weight: Mapping[str, str], classes: Array, labels_source: str) -> Array:
    weights = {int(number): float(weight) for number, weight in class_weight.items()}
    if unknown := sorted(weights.keys() - {int(number) for number in classes}):
        raise _invalid_training(
            f"has a weight for class {format_indices(np.array(unknown))}, but the classes of the training samples, in "
            f"{labels_source}, are {format_indices(classes)}: remove the other classes"
        )
    return np.array([weights.get(int(number), 1.0) for number in classes])


def _invalid_training(found: str) -> Failure:
    return bad_spec("InvalidTraining", f"{_FIELD}: {found}")
