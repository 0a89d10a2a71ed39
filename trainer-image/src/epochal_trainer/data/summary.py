"""The summary of the data sets of a training: the content of data.json in the results."""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest

import numpy as np
from epochal_api.data_summary import (
    MAX_LISTED_CLASSES,
    MAX_LISTED_COLUMNS,
    ArraySummary,
    ClassBalance,
    ClassSamples,
    ColumnRange,
    DataSummary,
    LabelSummary,
    SetName,
    SetSummary,
)

from epochal_trainer.data.arrays import TEXT_KINDS, Array, format_dtype
from epochal_trainer.data.classes import PartCounts
from epochal_trainer.data.columns import Columns, count_columns, describe_columns
from epochal_trainer.data.equal_samples import find_equal_samples
from epochal_trainer.data.samples import Samples, SourceArray
from epochal_trainer.data.training_data import TrainingData


def summarize(
    data: TrainingData, counts: Mapping[str, Sequence[PartCounts]], *, ignoring: Collection[str] = ()
) -> tuple[DataSummary, dict[str, Columns]]:
    """Return the summary of the data sets, and the statistics of the columns of the training part by input.

    Args:
        data: The data sets, which fit network and losses.
        counts: The result of `count_parts` by output: the number of samples per class in each part of the data.
            Outputs whose counts are unknown are missing.
        ignoring: The outputs whose loss ignores a class (`ignore_class`). Samples of this class are not in `counts`.
    """
    parts: dict[SetName, Samples] = {"train": data.train}
    if data.validation is not None:
        parts["validation"] = data.validation
    if data.test is not None:
        parts["test"] = data.test
    repeated, shared = find_equal_samples(parts)
    train_columns = {
        name: describe_columns(array.values) for name, array in data.train.inputs.items() if not _is_text(array.values)
    }

    def summarize_set(index: int, name: SetName, samples: Samples) -> SetSummary:
        known = train_columns if samples is data.train else {}
        inputs = {
            key: _summarize_array(array, known.get(key), data.input_columns.get(key, ()))
            for key, array in samples.inputs.items()
        }
        outputs = {}
        for key, array in samples.outputs.items():
            of_class = counts[key][index].counts if key in counts else None
            classes = _class_balance(
                of_class, len(samples), data.output_classes.get(key, ()), ignores_class=key in ignoring
            )
            labels = _summarize_array(array)
            outputs[key] = LabelSummary(**dict(labels), classes=classes)
        is_single = len(inputs) == len(outputs) == 1
        return SetSummary(
            samples=len(samples),
            features=next(iter(inputs.values())),
            labels=next(iter(outputs.values())),
            inputs=None if is_single else inputs,
            outputs=None if is_single else outputs,
            repeated=repeated[name],
        )

    sets = {name: summarize_set(index, name, samples) for index, (name, samples) in enumerate(parts.items())}
    summary = DataSummary(train=sets["train"], validation=sets.get("validation"), test=sets.get("test"), shared=shared)
    return summary, train_columns


def _summarize_array(described: SourceArray, columns: Columns | None = None, names: Sequence[str] = ()) -> ArraySummary:
    """Return the summary of an array. `columns` are its statistics (None: compute them), `names` the column names."""
    array = described.values
    source, shape, dtype = described.source, list(array.shape[1:]), format_dtype(array.dtype)
    if _is_text(array):
        return ArraySummary(source=source, shape=shape, dtype=dtype)
    columns = columns or describe_columns(array)
    present = array.size // columns.lows.size - columns.missing
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.nansum(columns.means * (present / max(present.sum(), 1))) if present.any() else math.nan
    count = count_columns(array)
    listed = count is not None and count <= MAX_LISTED_COLUMNS
    # The names are those of the training set. Another set may have more or fewer columns if the axis is free.
    names = names if len(names) == count else ()
    return ArraySummary(
        source=source,
        shape=shape,
        dtype=dtype,
        lowest=_finite(np.fmin.reduce(columns.lows)),
        highest=_finite(np.fmax.reduce(columns.highs)),
        mean=_finite(mean),
        missing=int(columns.missing.sum()),
        columns=[_range(*values) for values in zip_longest(*columns, names)] if listed else [],
        constant_columns=None if count is None else int(np.count_nonzero(columns.constant)),
    )


def _is_text(array: Array) -> bool:
    return array.dtype.kind in TEXT_KINDS


def _range(low: float, high: float, mean: float, missing: int, name: str | None) -> ColumnRange:
    return ColumnRange(lowest=_finite(low), highest=_finite(high), mean=_finite(mean), missing=int(missing), name=name)


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
