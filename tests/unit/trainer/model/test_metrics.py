import pytest
from epochal_api.network import Named
from epochal_trainer.model.metrics import check_metrics, what_suits

INDICES = "it takes a value for each output, and the labels are class indices: use "
ROWS = "it takes class indices, and the labels are one-hot rows: use "
ONE = "it takes several outputs, and the network gives one: use BinaryAccuracy"


@pytest.mark.parametrize(
    ("metric", "labels", "output", "found"),
    [
        ("TopKCategoricalAccuracy", (), (10,), INDICES + "SparseTopKCategoricalAccuracy"),
        ("top_k_categorical_accuracy", (1,), (10,), INDICES + "SparseTopKCategoricalAccuracy"),
        ("CategoricalAccuracy", (), (10,), INDICES + "SparseCategoricalAccuracy"),
        ("BinaryAccuracy", (), (10,), INDICES + "SparseCategoricalAccuracy"),
        ("CategoricalAccuracy", (4, 4), (4, 4, 3), INDICES + "SparseCategoricalAccuracy"),
        ("CategoricalCrossentropy", (), (None,), INDICES + "SparseCategoricalCrossentropy"),
        ("SparseCategoricalAccuracy", (10,), (10,), ROWS + "CategoricalAccuracy"),
        ("sparse_top_k_categorical_accuracy", (10,), (10,), ROWS + "TopKCategoricalAccuracy"),
        ("CategoricalAccuracy", (), (1,), ONE),
        ("SparseCategoricalAccuracy", (1,), (1,), ONE),
        ("TopKCategoricalAccuracy", (10,), (10,), None),
        ("SparseCategoricalAccuracy", (), (10,), None),
        ("accuracy", (), (10,), None),
        ("BinaryAccuracy", (3,), (3,), None),
        ("BinaryAccuracy", (), (1,), None),
        ("MeanAbsoluteError", (), (10,), None),
        ("CategoricalAccuracy", (1, 2, 3), (10,), None),
        ("CategoricalAccuracy", (), (), None),
    ],
)
def test_which_metric_suits(
    metric: str, labels: tuple[int, ...], output: tuple[int | None, ...], found: str | None
) -> None:
    assert what_suits(metric, labels, output) == found


def test_all_metrics_that_mean_nothing_are_told_at_once() -> None:
    metrics = [Named(name="accuracy"), Named(name="CategoricalAccuracy"), Named(name="BinaryAccuracy")]
    (one,) = check_metrics(metrics, (), (10,))
    assert one.reason == "MetricMismatch"
    assert one.message == (
        f"spec.training.metrics[1] (CategoricalAccuracy): {INDICES}SparseCategoricalAccuracy; spec.training.metrics[2] "
        f"(BinaryAccuracy): {INDICES}SparseCategoricalAccuracy. What it computes of other labels means nothing"
    )
    assert list(check_metrics(metrics[:1], (), (10,))) == []
