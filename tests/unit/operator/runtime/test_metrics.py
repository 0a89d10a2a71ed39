"""What the process counts and measures of itself."""

from epochal_operator.runtime.metrics import OperatorMetrics
from prometheus_client import CollectorRegistry, generate_latest


def test_two_operators_in_one_process_share_nothing() -> None:
    first, second_registry = OperatorMetrics(CollectorRegistry()), CollectorRegistry()
    OperatorMetrics(second_registry)
    first.leader.set(1)
    assert second_registry.get_sample_value("epochal_leader") == 0


def test_counters_have_no_created_series() -> None:
    registry = CollectorRegistry()
    OperatorMetrics(registry).reconcile.labels("success").inc()
    assert "_created" not in generate_latest(registry).decode()
