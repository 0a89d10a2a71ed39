"""The metrics of the process."""

from epochal_operator.runtime.metrics import OperatorMetrics
from prometheus_client import CollectorRegistry, generate_latest


def test_counters_have_no_created_series() -> None:
    registry = CollectorRegistry()
    OperatorMetrics(registry).reconcile.labels("success").inc()
    assert "_created" not in generate_latest(registry).decode()
