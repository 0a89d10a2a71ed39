"""/metrics is well formed, and its series have the values of the status."""

import subprocess
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.kit import operator
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import kubectl, wait


def series(name: str, /, **labels: str) -> list[float]:
    """Returns the values of all series of that name that have these labels."""
    families = text_string_to_metric_families(operator.metrics())
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return [sample.value for sample in samples if labels.items() <= sample.labels.items()]


@pytest.fixture(scope="module", autouse=True)
def _finished(namespace: Namespace) -> None:
    namespace.apply(digits())
    namespace.complete()


def test_promtool_accepts_the_metrics() -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=operator.metrics(), text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_series_have_the_values_of_the_status(namespace: Namespace) -> None:
    job = {"namespace": namespace.name, "name": "digits"}
    status = namespace.status()
    progress = status["progress"]
    assert series("epochal_trainingjob_epoch", **job) == [progress["epoch"]]
    assert series("epochal_trainingjob_epochs", **job) == [progress["epochs"]]
    assert series("epochal_trainingjob_progress_ratio", **job) == [1]
    assert series("epochal_trainingjob_state", state="Complete", **job) == [1]
    assert sum(series("epochal_trainingjob_state", **job)) == 1
    assert series("epochal_trainingjob_condition", condition="Complete", status="True", **job) == [1]
    assert series("epochal_trainingjob_condition", condition="Failed", **job) == []
    assert series("epochal_trainingjob_reason", reason="Completed", fault="", **job) == [1]
    assert series("epochal_trainingjob_metric", metric="val_loss", **job) == [float(status["metrics"]["val_loss"])]
    assert series("epochal_trainingjob_best_metric", **job) == [float(status["best"]["value"])]
    assert series("epochal_trainingjob_attempts", **job) == [1]
    assert series("epochal_trainingjob_gpus", **job) == [0]
    assert series("epochal_trainingjob_info", framework="tensorflow", **job) == [1]
    (started,) = series("epochal_trainingjob_start_time_seconds", **job)
    (completed,) = series("epochal_trainingjob_completion_time_seconds", **job)
    assert series("epochal_trainingjob_created_time_seconds", **job)[0] <= started < completed <= time.time()


def test_the_operators_own_series_are_there() -> None:
    assert series("epochal_leader") == [1]
    assert sum(series("epochal_reconcile_total", result="success")) > 0
    assert series("epochal_reconcile_duration_seconds_count")[0] > 0
    assert series("epochal_queue_wait_seconds_count")[0] > 0
    assert series("epochal_epoch_duration_seconds_count")[0] > 0
    assert sum(series("epochal_progress_reports_total", code="200")) > 0


def test_the_series_of_a_deleted_job_are_removed(namespace: Namespace) -> None:
    namespace.apply(digits("short", suspend=True))
    job = {"namespace": namespace.name, "name": "short"}
    wait("its series", lambda: series("epochal_trainingjob_state", state="Suspended", **job) == [1], seconds=20)
    kubectl("delete", "tj", "short", "--namespace", namespace.name)
    wait("its series to go", lambda: series("epochal_trainingjob_state", **job) == [], seconds=20)
