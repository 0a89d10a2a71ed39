"""The alerts and the dashboard of the chart in a real Prometheus."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit import operator
from tests.kit.jobs import Namespace, digits, search
from tests.kit.kubectl import get, kubectl, wait
from tests.kit.prometheus import ask, prometheus, query

FILES = Path(__file__).resolve().parents[2] / "charts/epochal/files"
ALERTS = FILES / "alerts.yaml"
JOB = 'namespace="vision", name="mnist", label_team="vision"'
HOUR = 60


def reason(word: str, fault: str = "") -> str:
    return f'epochal_trainingjob_reason{{reason="{word}", fault="{fault}", {JOB}}}'


def state(word: str) -> str:
    return f'epochal_trainingjob_state{{state="{word}", {JOB}}}'


def condition(kind: str, status: str = "True") -> str:
    return f'epochal_trainingjob_condition{{condition="{kind}", status="{status}", {JOB}}}'


def experiment(word: str, fault: str) -> str:
    return f'epochal_experiment_reason{{reason="{word}", fault="{fault}", {JOB}}}'


def trials(of: str) -> str:
    return f'epochal_experiment_trials{{state="{of}", {JOB}}}'


def info(experiment: str = "") -> str:
    return f'epochal_trainingjob_info{{experiment="{experiment}", uid="5f1c", {JOB}}}'


def server(kind: str, **labels: str) -> str:
    labels_text = "".join(f'{name}="{value}", ' for name, value in labels.items())
    return f"epochal_modelserver_{kind}{{{labels_text}{JOB}}}"


def requests(code: str) -> str:
    return f'epochal_server_requests_total{{code="{code}", namespace="vision", name="mnist", pod="mnist-1"}}'


COMPLETION = f"epochal_trainingjob_completion_time_seconds{{{JOB}}}"
SERIES: dict[str, dict[str, str]] = {
    "EpochalTrainingJobCrashed": {reason("Crashed", "Crash"): "1x600", COMPLETION: "0x600"},
    "EpochalTrainingJobHindered": {reason("ImagePullBackOff", "Cluster"): "1x30 _x570"},
    "EpochalTrainingJobStarting": {reason("Starting"): "1x30 _x570"},
    "EpochalTrainingJobStorageUnavailable": {
        condition("StorageAvailable", "False"): "1x30 _x570",
        reason("Running"): "1x600",
    },
    "EpochalTrainingJobSilent": {
        state("Running"): "1x50 _x550",
        f"epochal_trainingjob_last_report_time_seconds{{{JOB}}}": "_x5 300x595",
    },
    "EpochalTrainingJobRestarts": {f"epochal_trainingjob_attempts{{{JOB}}}": "1+1x20 21x580"},
    "EpochalTrainingJobQueued": {state("Queued"): "1x70 _x530", reason("Unschedulable"): "1x70 _x530"},
    "EpochalExperimentTrialsFail": {
        trials("failed"): "0x5 2x595",
        trials("diverged"): "0x5 1x595",
        trials("running"): "2x600",
        f"epochal_experiment_completion_time_seconds{{{JOB}}}": "0x600",
    },
    "EpochalExperimentHindered": {experiment("SearchFailed", "Crash"): "1x30 _x570"},
    "EpochalExperimentTrialsHindered": {
        reason("ImagePullBackOff", "Cluster"): "1x30 _x570",
        info(experiment="search"): "1x600",
    },
    "EpochalModelServerNotReady": {
        server("condition", condition="Ready", status="False"): "1x30 _x570",
        server("state", state="Failed"): "1x30 _x570",
        server("reason", reason="CrashLoop", fault="Cluster"): "1x30 _x570",
    },
    "EpochalModelServerErrors": {requests("500"): "0+6x30 180x570", requests("200"): "0+60x600"},
    "EpochalModelServerSaturated": {requests("429"): "0+6x30 180x570", requests("200"): "0+60x600"},
    "EpochalOperatorDown": {"epochal_leader": "1x10 0x50 1x540"},
    "EpochalReconcileErrors": {'epochal_reconcile_total{result="error"}': "0+60x60 3600x540"},
    "EpochalQueueSlow": {
        'epochal_queue_wait_seconds_bucket{le="10"}': "0x600",
        'epochal_queue_wait_seconds_bucket{le="30"}': "0+60x60 3600x540",
        'epochal_queue_wait_seconds_bucket{le="+Inf"}': "0+60x60 3600x540",
    },
    "EpochalReportsUnanswered": {'epochal_progress_reports_total{code="503"}': "0+60x60 3600x540"},
}
"""Series by the minute that make each alert fire and end."""
STUCK = ("EpochalTrainingJobHindered", "EpochalTrainingJobStarting", "EpochalTrainingJobStorageUnavailable")
FIRES = dict.fromkeys(SERIES, 25) | {"EpochalTrainingJobSilent": 40, "EpochalTrainingJobQueued": 65}
FIRES |= dict.fromkeys(
    (*STUCK, "EpochalExperimentHindered", "EpochalExperimentTrialsHindered", "EpochalModelServerNotReady"), 10
)
"""The minute at which it must have been told; ten hours later it must be over."""
TEAMS = ("EpochalTrainingJob", "EpochalExperiment", "EpochalModelServerNotReady")
"""Prefixes of alerts that have the labels of their object."""


def test_every_alert_has_a_case() -> None:
    assert set(re.findall(r"alert: (\w+)", ALERTS.read_text())) == set(SERIES)


def check(series: dict[str, str], alerts_by_minute: dict[int, int], which: str, folder: Path) -> None:
    """Checks with promtool how many of the alerts with these labels fire at each minute."""
    expression = f'count(ALERTS{{{which}, alertstate="firing"}}) or vector(0)'
    case: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": expression, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": alerts}]}
            for minute, alerts in alerts_by_minute.items()
        ],
    }
    file = folder / "case.json"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": [case]}))
    tested = subprocess.run(["promtool", "test", "rules", str(file)], text=True, capture_output=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("alert", SERIES)
def test_an_alert_fires_and_ends_with_its_cause(alert: str, tmp_path: Path) -> None:
    alerts_by_minute = {0: 0, FIRES[alert]: 1, 10 * HOUR: 0}
    if alert == "EpochalTrainingJobCrashed":
        del alerts_by_minute[0]  # told at once
    team = ', label_team="vision"' if alert.startswith(TEAMS) else ""
    check(SERIES[alert], alerts_by_minute, f'alertname="{alert}"{team}', tmp_path)


OF_JOBS = [alert for alert in SERIES if alert.startswith("EpochalTrainingJob")]
HELD_UP = ("EpochalTrainingJobHindered", "EpochalTrainingJobStarting", "EpochalTrainingJobStorageUnavailable")


@pytest.mark.parametrize("alert", OF_JOBS)
def test_alerts_of_trials_are_one_alert_of_the_experiment(alert: str, tmp_path: Path) -> None:
    first = SERIES[alert] | {info(experiment="search"): "1x600"}
    other = {name.replace('name="mnist"', 'name="mnist-2"'): values for name, values in first.items()}
    check(first | other, dict.fromkeys((1, 10, 25, 40, 65), 0), 'alertname=~"EpochalTrainingJob.*"', tmp_path)
    alerts_by_minute = {1: 0, 10: int(alert in HELD_UP), 45: int(alert == "EpochalTrainingJobSilent"), 10 * HOUR: 0}
    check(first | other, alerts_by_minute, 'alertname="EpochalExperimentTrialsHindered", experiment="search"', tmp_path)
    check(SERIES[alert] | {info(): "1x600"}, {FIRES[alert]: 1}, f'alertname="{alert}"', tmp_path)


def test_trials_that_start_one_after_another_fire_no_alert(tmp_path: Path) -> None:
    series: dict[str, str] = {}
    for number in range(10):
        job = f'name="mnist-{number}"'
        series[reason("Starting").replace('name="mnist"', job)] = (
            f"_x{3 * number} 1x3 stale _x90" if number else "1x3 stale _x90"
        )
        series[info(experiment="search").replace('name="mnist"', job)] = "1x100"
    check(series, dict.fromkeys((9, 15, 20, 25), 0), 'alertname=~"EpochalExperiment.*"', tmp_path)


@pytest.mark.parametrize(("word", "fault", "alerts"), [("WebhookFailed", "Cluster", 1), ("TrialsRefused", "User", 0)])
def test_a_blocked_experiment_fires_an_alert_unless_the_user_caused_it(
    word: str, fault: str, alerts: int, tmp_path: Path
) -> None:
    series = {experiment(word, fault): "1x600"}
    check(series, {5: 0, 10: alerts}, 'alertname=~"EpochalExperiment.*"', tmp_path)


def test_a_failure_by_the_cluster_fires_an_alert_for_an_hour(tmp_path: Path) -> None:
    series = {reason("EndpointUnreachable", "Cluster"): "1x600", COMPLETION: "0x600"}
    check(series, {10: 1, 55: 1, 65: 0, 10 * HOUR: 0}, 'alertname="EpochalTrainingJobHindered"', tmp_path)


FAILED = {state("Failed"): "1x720", condition("Failed"): "1x720", condition("Stalled"): "1x720", COMPLETION: "0x720"}
STALLED = {state("Queued"): "1x720", condition("Stalled"): "1x720"}
WAITS = {state("Waiting"): "1x720", condition("StorageAvailable", "False"): "1x720"}
MISTAKES: dict[str, dict[str, str]] = {
    "InvalidNetwork": FAILED,
    "ObjectNotFound": FAILED,
    "EndpointUnreachable": FAILED,
    "NameConflict": STALLED,
    "ContinueFromNotFound": {state("Queued"): "1x720"},
    "PodRefused": {state("Queued"): "1x720"},
    "ImagePullBackOff": {state("Starting"): "1x720"},
    "CreateContainerConfigError": {state("Starting"): "1x720"},
    "StorageUnavailable": WAITS,
}


@pytest.mark.parametrize("word", MISTAKES)
def test_a_users_mistake_fires_no_alert(word: str, tmp_path: Path) -> None:
    series = MISTAKES[word] | {reason(word, "User"): "1x720", condition("Ready", "False"): "1x720"}
    alerts_by_minute = dict.fromkeys((1, 10, 25, 65, 10 * HOUR), 0)
    check(series, alerts_by_minute, 'alertname=~"EpochalTrainingJob.*"', tmp_path)


def test_a_restarting_job_fires_no_alert(tmp_path: Path) -> None:
    series = {reason("Restarting"): "1x600", state("Starting"): "1x600"}
    check(series, {10: 0, 25: 0}, 'alertname=~"EpochalTrainingJob.*"', tmp_path)


STARTS = {state("Starting"): "1x720"}
QUEUED, SILENT = {state("Queued"): "1x720"}, {state("Running"): "1x720"}
FAILS_AFTER_RESTARTS = {
    f"epochal_trainingjob_attempts{{{JOB}}}": "1+1x20 21x700",
    state("Starting"): "1x20 _x700",
    reason("Restarting"): "1x20 _x700",
    state("Failed"): "_x21 1x699",
    reason("Crashed", "Crash"): "_x21 1x699",
    COMPLETION: "_x21 1260x699",
}
ALONE: dict[str, tuple[dict[str, str], dict[int, int]]] = {
    "an hour without a node": (QUEUED | {reason("Unschedulable"): "1x720"}, {55: 0, 65: 1}),
    "an hour in a queue": (QUEUED | {reason("WaitingForAdmission"): "1x720"}, {55: 0, 65: 1}),
    "another one that trains for long": (QUEUED | {reason("ContinueFromUnfinished"): "1x720"}, {55: 0, 65: 0, 600: 0}),
    "a Job that others stop": (QUEUED | {reason("FieldConflict", "Cluster"): "1x720"}, {10: 1, 65: 1}),
    "an image that is pulled for long": (STARTS | {reason("PullingImage"): "1x720"}, {5: 0, 10: 1, 40: 1}),
    "an image that is pulled after a slow start": (
        STARTS | {reason("Starting"): "1x4 stale _x715", reason("PullingImage"): "_x5 1x715"},
        {5: 0, 10: 1, 12: 1, 40: 1},
    ),
    "a trainer that never reports": (STARTS | {reason("ImportingKeras"): "1x720"}, {10: 0, 40: 1}),
    "a node that is lost": (SILENT | {reason("NodeLost", "Cluster"): "1x720"}, {10: 1, 40: 1}),
    "crashes until it fails": (FAILS_AFTER_RESTARTS, {15: 1, 25: 1, 70: 1, 600: 0}),
}
"""Faults for which at most one alert fires: series by the minute, and alerts by the minute."""


@pytest.mark.parametrize("what", ALONE)
def test_at_most_one_alert_fires_for_a_fault(what: str, tmp_path: Path) -> None:
    series, alerts_by_minute = ALONE[what]
    check(series, alerts_by_minute, 'alertname=~"EpochalTrainingJob.*"', tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        {trials("running"): "4x600"},
        {'epochal_experiment_best_value{metric="val_loss", namespace="vision", name="mnist"}': "0.5x600"},
    ],
)
def test_a_search_with_a_running_or_a_good_trial_fires_no_alert(more: dict[str, str], tmp_path: Path) -> None:
    series = {trials("failed"): "3x600", trials("running"): "0x600"} | more
    check(series, {10: 0, 10 * HOUR: 0}, 'alertname="EpochalExperimentTrialsFail"', tmp_path)


DOWN = {server("condition", condition="Ready", status="False"): "1x720", server("state", state="Failed"): "1x720"}
MISTAKEN = DOWN | {server("reason", reason="ModelRefused", fault="User"): "1x720"}
NOT_READY: dict[str, tuple[dict[str, str], int]] = {
    "a mistake of before it was ever ready": (MISTAKEN, 0),
    "a mistake of one that has served": (MISTAKEN | {server("ready_time_seconds"): "0x720"}, 1),
    "one that waits for its training": (DOWN | {server("state", state="Waiting"): "1x720"}, 0),
    "one that was stopped": (DOWN | {server("state", state="Stopped"): "1x720"}, 0),
    "a fault of the cluster": (DOWN | {server("reason", reason="ImagePullBackOff", fault="Cluster"): "1x720"}, 1),
}
"""Servers without a ready pod, and the number of alerts."""


@pytest.mark.parametrize("what", NOT_READY)
def test_a_server_without_a_ready_pod_fires_an_alert_unless_the_user_caused_it(what: str, tmp_path: Path) -> None:
    series, alerts = NOT_READY[what]
    check(series, {1: 0, 25: alerts, 10 * HOUR: alerts}, 'alertname=~"EpochalModelServer.*"', tmp_path)


def test_a_few_failed_or_refused_requests_fire_no_alert(tmp_path: Path) -> None:
    series = {requests("500"): "0+1x600", requests("429"): "0+1x600", requests("400"): "0+30x600"}
    check(series | {requests("200"): "0+60x600"}, {30: 0, 300: 0}, 'alertname=~"EpochalModelServer.*"', tmp_path)


@pytest.fixture(scope="module")
def _prometheus(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    namespace.apply(digits())
    namespace.apply(search("search"))
    namespace.apply(digits("mistaken", data__train={"object": "missing.npz"}))
    namespace.apply(digits("crashes", backoffLimit=0, training__epochs=100_000, training__callbacks=[]))
    with prometheus(tmp_path_factory.mktemp("prometheus"), [ALERTS]):
        namespace.wait_epoch(1, "crashes")
        pod = get("pod", namespace.running_pod("crashes"), namespace=namespace.name)
        os.kill(operator.process_of(pod["metadata"]["uid"]), signal.SIGKILL)
        for name in ("crashes", "mistaken"):
            assert namespace.finish(name)["state"] == "Failed"
        namespace.complete()
        kubectl(
            "wait",
            "--for=condition=Complete",
            "--timeout=180s",
            "exp/search",
            "--namespace",
            namespace.name,
            timeout=190,
        )
        yield


@pytest.mark.usefixtures("_prometheus")
def test_only_the_crashed_job_fires_an_alert(namespace: Namespace) -> None:
    firing = f'ALERTS{{namespace="{namespace.name}", alertstate="firing"}}'
    found = wait("the alert", lambda: ask(firing), seconds=60)
    assert [(item["metric"]["alertname"], item["metric"]["name"]) for item in found] == [
        ("EpochalTrainingJobCrashed", "crashes")
    ]


@pytest.mark.usefixtures("_prometheus")
def test_a_real_prometheus_scrapes_the_operator(namespace: Namespace) -> None:
    expression = f'epochal_trainingjob_state{{namespace="{namespace.name}",name="digits",state="Complete"}}'
    wait("the series in Prometheus", lambda: query(expression) == ["1"], seconds=30)
    assert query('up{job="epochal"}') == ["1"]


def panels(but: str = "") -> dict[str, list[str]]:
    """Returns the queries of each panel of the dashboard, except for those of a row."""
    row, found = "", dict[str, list[str]]()
    for panel in json.loads((FILES / "dashboard.json").read_text())["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        elif row != but:
            found[panel["title"]] = [target["expr"] for target in panel["targets"]]
    return found


@pytest.mark.usefixtures("_prometheus")
@pytest.mark.parametrize("title", panels(but="ModelServers"))
def test_a_panel_of_the_dashboard_shows_something(namespace: Namespace, title: str) -> None:
    chosen = {"$namespace": namespace.name, "$name": ".*", "$metric": "val_loss", "$__rate_interval": "1m"}
    for expression in panels()[title]:
        filled = re.sub("|".join(map(re.escape, chosen)), lambda found: chosen[found[0]], expression)
        if title == "Time since the last report":
            # Nothing runs any more, but the last scrape may be older than the end of the search.
            wait("the end of all series", lambda filled=filled: ask(filled) == [], seconds=60)  # type: ignore[misc]
        else:
            assert wait(f"{title} ({filled})", lambda filled=filled: query(filled), seconds=60)  # type: ignore[misc]
