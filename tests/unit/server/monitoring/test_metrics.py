"""The Prometheus metrics of a server."""

import numpy as np
import pytest
from epochal_server.monitoring.metrics import Metrics
from prometheus_client import CollectorRegistry, generate_latest


def series(metrics: Metrics) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(metrics)
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_counts_requests() -> None:
    metrics = Metrics(lambda: 3)
    metrics.request("v2", 200, 0.0004, 100, 10)
    metrics.request("v2", 200, 0.003, 100, 10)
    metrics.request("watson-v4", 429, 60.0, 50, 5)
    found = series(metrics)
    assert found['epochal_server_requests_total{code="200",protocol="v2"}'] == 2
    assert found['epochal_server_requests_total{code="429",protocol="watson-v4"}'] == 1
    assert found['epochal_server_request_seconds_bucket{le="0.0005",protocol="v2"}'] == 1
    assert found['epochal_server_request_seconds_bucket{le="0.005",protocol="v2"}'] == 2
    assert found['epochal_server_request_seconds_bucket{le="10.0",protocol="watson-v4"}'] == 0
    assert found['epochal_server_request_seconds_count{protocol="watson-v4"}'] == 1
    assert found['epochal_server_request_seconds_sum{protocol="v2"}'] == pytest.approx(0.0034)
    assert found['epochal_server_request_bytes_total{protocol="v2"}'] == 200
    assert found['epochal_server_response_bytes_total{protocol="watson-v4"}'] == 5
    assert found["epochal_server_queue_requests"] == 3


def test_counts_calls_of_the_model_and_predictions() -> None:
    metrics = Metrics(lambda: 0)
    metrics.batch(1)
    metrics.batch(32)
    metrics.loaded(0.5, ["no", "yes"], model="digits", sha256="abc")
    metrics.predictions(np.array([3, 1]))
    metrics.predictions(np.array([0, 1]))
    metrics.not_finite(2)
    metrics.not_finite(0)
    found = series(metrics)
    assert found["epochal_server_not_finite_total"] == 2
    assert found['epochal_server_batch_size_bucket{le="1.0"}'] == 1
    assert found['epochal_server_batch_size_bucket{le="32.0"}'] == 2
    assert found["epochal_server_batch_size_sum"] == 33
    assert found['epochal_server_predictions_total{class="no"}'] == 3
    assert found['epochal_server_predictions_total{class="yes"}'] == 2
    assert found["epochal_server_model_load_seconds"] == 0.5
    assert found['epochal_server_info{model="digits",sha256="abc"}'] == 1


def test_has_no_series_of_a_model_that_is_not_loaded() -> None:
    assert not [name for name in series(Metrics(lambda: 0)) if "info" in name or "predictions" in name]
