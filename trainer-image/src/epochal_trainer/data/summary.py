"""The summary of the data sets of a training, for data.json."""

import math
from collections.abc import Sequence

import numpy as np
from epochal_api.data_summary import (
    MAX_LISTED_CLASSES,
    MAX_LISTED_COLUMNS,
    ArraySummary,
    ClassBalance,
    ClassSamples,
    DataSummary,
    FoundSamples,
    LabelSummary,
    SetName,
    SetSummary,
    ValueRange,
)

from epochal_trainer.data.classes import PartCounts
from epochal_trainer.data.columns import Columns, count_columns, describe_columns
from epochal_trainer.data.equal_samples import find_equal_samples
from epochal_trainer.data.samples import Array, Samples, TrainingData


def summarize(data: TrainingData, counts: Sequence[PartCounts], *, ignores_class: bool) -> tuple[DataSummary, Columns]:
    """Return the summary of the data sets, and the ranges of the columns of the training part's features.

    Args:
        data: The data sets, which fit network and loss.
        counts: The number of samples per class in each part of the data, as from `count_parts`; empty if unknown.
        ignores_class: Whether the loss ignores a class (`ignore_class`): its samples are not in the counts.
    """
    parts: dict[SetName, Samples] = {"train": data.train}
    if data.validation is not None:
        parts["validation"] = data.validation
    if data.test is not None:
        parts["test"] = data.test
    repeated, shared = find_equal_samples(parts)
    train_columns = describe_columns(data.train.features)
    class_counts = [part.counts for part in counts] or [None] * len(parts)
    sets = {
        name: _summarize_set(
            samples,
            train_columns if name == "train" else describe_columns(samples.features),
            _class_balance(part, len(samples), data.class_names, ignores_class=ignores_class),
            repeated[name],
        )
        for (name, samples), part in zip(parts.items(), class_counts, strict=True)
    }
    summary = DataSummary(train=sets["train"], validation=sets.get("validation"), test=sets.get("test"), shared=shared)
    return summary, train_columns


def _summarize_set(
    samples: Samples, columns: Columns, classes: ClassBalance | None, repeated: FoundSamples
) -> SetSummary:
    labels = _summarize_array(samples.labels, samples.labels_name, describe_columns(samples.labels))
    return SetSummary(
        samples=len(samples),
        features=_summarize_array(samples.features, samples.features_name, columns),
        labels=LabelSummary(**dict(labels), classes=classes),
        repeated=repeated,
    )


def _summarize_array(array: Array, source: str, columns: Columns) -> ArraySummary:
    present = array.size // columns.lows.size - columns.missing
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.nansum(columns.means * (present / max(present.sum(), 1))) if present.any() else math.nan
    count = count_columns(array)
    listed = count is not None and count <= MAX_LISTED_COLUMNS
    return ArraySummary(
        source=source,
        shape=list(array.shape[1:]),
        dtype=str(array.dtype),
        lowest=_finite(np.fmin.reduce(columns.lows)),
        highest=_finite(np.fmax.reduce(columns.highs)),
        mean=_finite(mean),
        missing=int(columns.missing.sum()),
        columns=[_range(*values) for values in zip(*columns, strict=True)] if listed else [],
        constant_columns=None if count is None else int(np.count_nonzero(columns.constant)),
    )


def _range(low: float, high: float, mean: float, missing: int) -> ValueRange:
    return ValueRange(lowest=_finite(low), highest=_finite(high), mean=_finite(mean), missing=int(missing))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _class_balance(
    counts: Array | None, samples: int, names: Sequence[str], *, ignores_class: bool
) -> ClassBalance | None:
    if counts is None:
        return None
    listed = np.sort(np.argsort(-counts, kind="stable")[:MAX_LISTED_CLASSES])
    return ClassBalance(
        count=counts.size,
        unlabeled=max(0, samples - round(float(counts.sum()))) if ignores_class else 0,
        by_class=[
            ClassSamples(
                index=int(index),
                name=names[index] if index < len(names) else None,
                samples=round(float(counts[index]), 3),
            )
            for index in listed
        ],
    )
