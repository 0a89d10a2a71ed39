"""Alerts and the dashboard that the chart brings: a real Prometheus takes them, and they tell what they are for."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import wait
from tests.kit.prometheus import ask, prometheus, query

FILES = Path(__file__).resolve().parents[2] / "charts/epochal/files"
ALERTS = FILES / "alerts.yaml"
JOB = 'namespace="vision", name="mnist"'
HOUR = 60
SERIES: dict[str, dict[str, str]] = {
    "EpochalTrainingJobFailed": {
        f'epochal_trainingjob_condition{{condition="Failed", status="True", {JOB}}}': "1x600",
        f"epochal_trainingjob_completion_time_seconds{{{JOB}}}": "0x600",
    },
    "EpochalTrainingJobStalled": {
        f'epochal_trainingjob_condition{{condition="Stalled", status="True", {JOB}}}': "1x30 0x570",
        f'epochal_trainingjob_condition{{condition="Failed", status="True", {JOB}}}': "0x600",
    },
    "EpochalTrainingJobStorageUnavailable": {
        f'epochal_trainingjob_condition{{condition="StorageAvailable", status="False", {JOB}}}': "1x30 0x570",
    },
    "EpochalTrainingJobSilent": {
        f'epochal_trainingjob_state{{state="Running", {JOB}}}': "1x50 0x550",
        f"epochal_trainingjob_last_report_time_seconds{{{JOB}}}": "_x5 300x595",
    },
    "EpochalTrainingJobRestarts": {f"epochal_trainingjob_attempts{{{JOB}}}": "1+1x20 21x580"},
    "EpochalTrainingJobQueued": {f'epochal_trainingjob_state{{state="Queued", {JOB}}}': "1x70 0x530"},
    "EpochalOperatorDown": {"epochal_leader": "1x10 0x50 1x540"},
    "EpochalReconcileErrors": {'epochal_reconcile_total{result="error"}': "0+60x60 3600x540"},
    "EpochalQueueSlow": {
        'epochal_queue_wait_seconds_bucket{le="10"}': "0x600",
        'epochal_queue_wait_seconds_bucket{le="30"}': "0+60x60 3600x540",
        'epochal_queue_wait_seconds_bucket{le="+Inf"}': "0+60x60 3600x540",
    },
    "EpochalReportsUnanswered": {'epochal_progress_reports_total{code="503"}': "0+60x60 3600x540"},
}
"""What each alert is for: series by the minute that bring it about, and end."""
FIRES = dict.fromkeys(SERIES, 25) | {"EpochalTrainingJobSilent": 40, "EpochalTrainingJobQueued": 65}
"""The minute at which it must have been told; ten hours later it must be over."""


def test_there_is_a_case_for_each_alert() -> None:
    assert set(re.findall(r"alert: (\w+)", ALERTS.read_text())) == set(SERIES)


@pytest.mark.parametrize("alert", SERIES)
def test_an_alert_tells_what_it_is_for_and_is_over_with_it(alert: str, tmp_path: Path) -> None:
    def told(minute: int) -> dict[str, str]:
        expression = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)'
        return {"expr": expression, "eval_time": f"{minute}m"}

    case: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in SERIES[alert].items()],
        "promql_expr_test": [
            {**told(0), "exp_samples": [{"labels": "{}", "value": 0}]},
            {**told(FIRES[alert]), "exp_samples": [{"labels": "{}", "value": 1}]},
            {**told(10 * HOUR), "exp_samples": [{"labels": "{}", "value": 0}]},
        ],
    }
    if alert == "EpochalTrainingJobFailed":
        del case["promql_expr_test"][0]  # told at once
    file = tmp_path / "case.json"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": [case]}))
    tested = subprocess.run(["promtool", "test", "rules", str(file)], text=True, capture_output=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.fixture(scope="module")
def _prometheus(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    namespace.apply(digits())
    namespace.apply(digits("broken", data__train={"object": "missing.npz"}))
    with prometheus(tmp_path_factory.mktemp("prometheus"), [ALERTS]):
        namespace.complete()
        yield


@pytest.mark.usefixtures("_prometheus")
def test_a_job_that_fails_is_told_and_one_that_completes_is_not(namespace: Namespace) -> None:
    firing = f'ALERTS{{namespace="{namespace.name}", alertstate="firing"}}'
    found = wait("the alert", lambda: ask(firing), seconds=60)
    assert [(one["metric"]["alertname"], one["metric"]["name"]) for one in found] == [
        ("EpochalTrainingJobFailed", "broken")
    ]


@pytest.mark.usefixtures("_prometheus")
def test_a_real_prometheus_scrapes_the_operator(namespace: Namespace) -> None:
    expression = f'epochal_trainingjob_state{{namespace="{namespace.name}",name="digits",state="Complete"}}'
    wait("the series in Prometheus", lambda: query(expression) == ["1"], seconds=30)
    assert query('up{job="epochal"}') == ["1"]


def panels() -> dict[str, list[str]]:
    dashboard = json.loads((FILES / "dashboard.json").read_text())
    return {
        panel["title"]: [target["expr"] for target in panel["targets"]]
        for panel in dashboard["panels"]
        if panel["type"] != "row"
    }


@pytest.mark.usefixtures("_prometheus")
@pytest.mark.parametrize("title", panels())
def test_a_panel_of_the_dashboard_shows_something(namespace: Namespace, title: str) -> None:
    chosen = {"$namespace": namespace.name, "$name": ".*", "$metric": "val_loss", "$__rate_interval": "1m"}
    for expression in panels()[title]:
        filled = re.sub("|".join(map(re.escape, chosen)), lambda found: chosen[found[0]], expression)
        if title == "Since the last report":
            assert ask(filled) == []  # nothing runs any more
        else:
            assert wait(f"{title} ({filled})", lambda filled=filled: query(filled), seconds=60)  # type: ignore[misc]
