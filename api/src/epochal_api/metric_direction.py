"""Whether the lowest or the highest value of a metric is the best, for code without Keras."""

_RISING = (
    *("acc", "auc", "correlation", "cosine_similarity", "f1", "fbeta", "io_u", "iou", "precision", "r2", "recall"),
    *("sensitivity", "specificity"),
)


def is_rising(metric: str) -> bool:
    """Return whether the highest value of a metric is the best, judged by its name. False for an unknown name."""
    return not metric.endswith("loss") and any(part in metric.lower() for part in _RISING)
