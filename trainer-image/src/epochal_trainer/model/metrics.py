"""Whether metrics take labels of the kind that there are: of others, Keras fails, or computes what means nothing."""

from collections.abc import Iterator, Mapping, Sequence

from epochal_api.network import Named
from epochal_api.report import Warned

from epochal_trainer.lib.warned import warned

_OF_INDICES: Mapping[str, str] = {
    "binaryaccuracy": "SparseCategoricalAccuracy",
    "binarycrossentropy": "SparseCategoricalCrossentropy",
    "categoricalaccuracy": "SparseCategoricalAccuracy",
    "categoricalcrossentropy": "SparseCategoricalCrossentropy",
    "topkcategoricalaccuracy": "SparseTopKCategoricalAccuracy",
}
"""Metrics that take no class indices, and the ones that do."""
_OF_ROWS: Mapping[str, str] = {
    "sparsecategoricalaccuracy": "CategoricalAccuracy",
    "sparsecategoricalcrossentropy": "CategoricalCrossentropy",
    "sparsetopkcategoricalaccuracy": "TopKCategoricalAccuracy",
}
"""Metrics that take no one-hot rows, and the ones that do."""
_OF_ONE: Mapping[str, str] = {
    "categoricalaccuracy": "BinaryAccuracy",
    "sparsecategoricalaccuracy": "BinaryAccuracy",
    "sparsetopkcategoricalaccuracy": "BinaryAccuracy",
    "topkcategoricalaccuracy": "BinaryAccuracy",
}
"""Metrics that look for the greatest of several outputs, and the ones that take one."""


def what_suits(metric: str, labels: Sequence[int], output: Sequence[int | None]) -> str | None:
    """Returns what a metric takes instead of these labels, and which one suits them; None if it may suit.

    Args:
        metric: Its name, as a class or as a function of Keras.
        labels: Shape of the labels of one sample.
        output: Shape of the network's output for one sample; None for an axis of any size.
    """
    name = metric.lower().replace("_", "")
    if not output:
        return None
    if output[-1] == 1:
        suits, takes = _OF_ONE.get(name), "several outputs, and the network gives one"
    elif len(labels) == len(output) - 1 or (len(labels) == len(output) and labels[-1] == 1):
        suits, takes = _OF_INDICES.get(name), "a value for each output, and the labels are class indices"
    elif len(labels) == len(output):
        suits, takes = _OF_ROWS.get(name), "class indices, and the labels are one-hot rows"
    else:
        return None
    return suits and f"it takes {takes}: use {suits}"


def check_metrics(metrics: Sequence[Named], labels: Sequence[int], output: Sequence[int | None]) -> Iterator[Warned]:
    """Yields the metrics of which Keras computes what means nothing.

    Args:
        metrics: The metrics. Those that fail for such labels are refused before, by `compile.check_labels`.
        labels: Shape of the labels of one sample.
        output: Shape of the network's output for one sample; None for an axis of any size.
    """
    found = ((index, spec.name, what_suits(spec.name, labels, output)) for index, spec in enumerate(metrics))
    told = [f"spec.training.metrics[{index}] ({name}): {text}" for index, name, text in found if text]
    if told:
        yield warned("MetricMismatch", f"{'; '.join(told)}. What it computes of other labels means nothing")
