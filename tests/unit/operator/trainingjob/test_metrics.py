"""The series that are exported: from the objects, with the names and labels that dashboards rely on."""

import shutil
import subprocess
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
from epochal_api.trainingjob.status import CONDITIONS
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.metrics import ObjectCollector, OperatorMetrics
from epochal_operator.trainingjob.kind import training_jobs
from epochal_operator.trainingjob.metrics import METRICS, ReportMetrics
from epochal_operator.trainingjob.resources import TRAINING_JOBS
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.unit.operator.objects import INSTALLATION, document

MNIST: dict[str, Any] = {
    "metadata": {
        "name": "mnist",
        "namespace": "vision",
        "uid": "5f1c",
        "creationTimestamp": "2026-11-25T10:00:00Z",
    },
    "spec": {"framework": "tensorflow", "training": {"epochs": 10}},
    "status": {
        "state": "Running",
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Running"},
            {"type": "Stalled", "status": "False", "reason": "Progressing"},
            {"type": "OfAnotherVersion", "status": "True"},
        ],
        "attempt": 2,
        "gpus": 1,
        "startTime": "2026-11-25T10:00:01Z",
        "completionTime": "2026-11-25T10:03:00.5Z",
        "progress": {"epoch": 3, "epochs": 10, "percent": 32, "lastReportTime": "2026-11-25T10:02:00Z"},
        "metrics": {"loss": "0.0368", "val_accuracy": "0.9861"},
        "best": {"epoch": 2, "metric": "val_loss", "value": "0.0436"},
    },
}
STARTED = 1795600800.0
"""2026-11-25T10:00:00Z."""
KEY = {"namespace": "vision", "name": "mnist"}


def registry(jobs: Iterable[Any], *labels: str) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(ObjectCollector(partial(METRICS.collect, labels=labels), lambda: jobs))
    return made


def samples(jobs: Iterable[Any], *labels: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in parse(generate_latest(registry(jobs, *labels)).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 7, 10**400, "text", [], [7], ["type"], {}, {"type": []}, "0001-01-01T00:00:00+14:00"]
)


@given(
    st.dictionaries(st.sampled_from([*MNIST["status"], "scheduling"]), ODD),
    st.sampled_from(["spec", "status", "metadata"]),
    ODD,
)
def test_an_object_of_any_shape_spoils_no_scrape(status: dict[str, Any], part: str, odd: Any) -> None:
    odd_one = {**MNIST, "status": status, part: odd} if odd else {**MNIST, "status": status}
    progress = {**MNIST, "status": {"progress": status, "best": status, "metrics": status}}
    found = samples([odd_one, progress, MNIST])
    assert ({**KEY, "metric": "loss"}, 0.0368) in found["epochal_trainingjob_metric"]


@pytest.mark.parametrize(
    ("series", "labels", "value"),
    [
        ("info", {"uid": "5f1c", "framework": "tensorflow", "queue": "", "experiment": ""}, 1),
        ("epoch", {}, 3),
        ("epochs", {}, 10),
        ("progress_ratio", {}, 0.32),
        ("attempts", {}, 2),
        ("gpus", {}, 1),
        ("metric", {"metric": "loss"}, 0.0368),
        ("metric", {"metric": "val_accuracy"}, 0.9861),
        ("best_metric", {"metric": "val_loss"}, 0.0436),
        ("created_time_seconds", {}, STARTED),
        ("start_time_seconds", {}, STARTED + 1),
        ("last_report_time_seconds", {}, STARTED + 120),
        ("completion_time_seconds", {}, STARTED + 180.5),
        ("state", {"state": "Running"}, 1),
        ("condition", {"condition": "Ready", "status": "True"}, 1),
        ("reason", {"reason": "Running", "fault": ""}, 1),
    ],
)
def test_a_job_has_the_series(series: str, labels: dict[str, str], value: float) -> None:
    assert (KEY | labels, value) in samples([MNIST])[f"epochal_trainingjob_{series}"]


def ready(reason: str, status: str = "False") -> dict[str, Any]:
    return {"type": "Ready", "status": status, "reason": reason}


def true(*kinds: str) -> list[dict[str, Any]]:
    return [{"type": kind, "status": "True", "reason": "Crashed"} for kind in kinds]


STATES_OF: list[tuple[str, list[dict[str, Any]], set[tuple[str, str]]]] = [
    ("Running", [ready("Running", "True")], {("Ready", "True")}),
    ("Queued", [ready("PodRefused")], {("Ready", "False")}),
    (
        "Complete",
        [ready("Completed", "True"), *true("Complete", "Finished", "Exported")],
        {("Ready", "True"), ("Complete", "True")},
    ),
    (
        "Complete",
        [ready("Completed", "True"), *true("Complete"), {"type": "Exported", "status": "False"}],
        {("Ready", "True"), ("Complete", "True"), ("Exported", "False")},
    ),
    (
        "Failed",
        [ready("Crashed"), *true("Stalled", "Failed", "Finished", "StorageAvailable")],
        {("Ready", "False"), ("Stalled", "True"), ("Failed", "True")},
    ),
    (
        "Running",
        [ready("Running", "True"), {"type": "StorageAvailable", "status": "False", "reason": "ResultsNotWritable"}],
        {("Ready", "True"), ("StorageAvailable", "False")},
    ),
]
FOUR = {"loss": "0.1", "accuracy": "0.9", "val_loss": "0.1", "val_accuracy": "0.9"}


@pytest.mark.parametrize(("state", "conditions", "shown"), STATES_OF)
def test_a_job_has_a_series_of_what_holds_and_20_in_all(
    state: str, conditions: list[dict[str, Any]], shown: set[tuple[str, str]]
) -> None:
    told = {one["type"] for one in conditions} | {"Exported", "StorageAvailable"}
    others = [{"type": kind, "status": "False"} for kind in CONDITIONS if kind not in told]
    status = {**MNIST["status"], "state": state, "conditions": [*conditions, *others], "metrics": FOUR}
    if state not in {"Complete", "Failed"}:
        del status["completionTime"]
    found = samples([MNIST | {"status": status}])
    assert found["epochal_trainingjob_state"] == [(KEY | {"state": state}, 1)]
    assert {(one["condition"], one["status"]) for one, _ in found["epochal_trainingjob_condition"]} == shown
    assert all(value for _, value in found["epochal_trainingjob_condition"])
    assert sum(map(len, found.values())) <= 20


def job(reason: str, *, attempt: int = 0, waiting: str | None = None, **spec: Any) -> dict[str, Any]:
    progress = {"attempt": attempt} | ({"waiting": {"reason": waiting}} if waiting else {})
    return MNIST | {"spec": spec, "status": {"conditions": [ready(reason)], "progress": progress}}


@pytest.mark.parametrize(
    ("one", "reason", "fault"),
    [
        (job("Queued"), "Queued", ""),
        (job("InvalidNetwork"), "InvalidNetwork", "User"),
        (job("CreateContainerConfigError"), "CreateContainerConfigError", "User"),
        (job("Crashed"), "Crashed", "Crash"),
        (job("NodeLost"), "NodeLost", "Cluster"),
        (job("SomethingOfKubernetes"), "Other", "Cluster"),
        (job("ImagePullBackOff"), "ImagePullBackOff", "Cluster"),
        (job("ImagePullBackOff", image=True), "ImagePullBackOff", "User"),
        (job("InvalidImageName"), "InvalidImageName", "Cluster"),
        (job("InvalidImageName", image=True), "InvalidImageName", "User"),
        (job("NodeLost", image=True), "NodeLost", "Cluster"),
        (job("StorageUnavailable", waiting="EndpointUnreachable"), "StorageUnavailable", "Cluster"),
        (
            job("StorageUnavailable", waiting="EndpointUnreachable", storage={"endpoint": True}),
            "StorageUnavailable",
            "User",
        ),
        (job("StorageUnavailable", waiting="InvalidCertificateAuthority"), "StorageUnavailable", "User"),
        (job("StorageUnavailable", attempt=2, storage={"endpoint": True}), "StorageUnavailable", "Cluster"),
        (job("StorageUnavailable", attempt=2, waiting="ResultsNotWritable"), "StorageUnavailable", "Cluster"),
        (job("EndpointUnreachable"), "EndpointUnreachable", "Cluster"),
        (job("EndpointUnreachable", storage={"endpoint": True}), "EndpointUnreachable", "User"),
    ],
)
def test_the_reason_says_whose_fault_it_is_but_for_what_a_user_may_have_mistyped(
    one: dict[str, Any], reason: str, fault: str
) -> None:
    ((labels, value),) = samples([one])["epochal_trainingjob_reason"]
    assert (labels, value) == (KEY | {"reason": reason, "fault": fault}, 1)


def test_reasons_that_others_make_up_are_one_series() -> None:
    jobs = [job(f"MadeUp{number}") for number in range(100)]
    reasons = {labels["reason"] for labels, _ in samples(jobs)["epochal_trainingjob_reason"]}
    assert reasons == {"Other"}


def test_chosen_labels_are_on_all_series_and_no_others() -> None:
    labels = {"team": "vision", "example.com/cost-centre": 'a"b\n' + "x" * 100, "other": "x"}
    named = MNIST | {"metadata": MNIST["metadata"] | {"labels": labels}}
    bare = MNIST | {"metadata": MNIST["metadata"] | {"name": "bare"}}
    found = samples([named, bare], "team", "example.com/cost-centre")
    theirs = {"label_team": "vision", "label_example_com_cost_centre": 'a"b\n' + "x" * 59}
    for series in found.values():
        for one, _ in series:
            wanted = theirs if one["name"] == "mnist" else dict.fromkeys(theirs, "")
            assert {name: text for name, text in one.items() if name.startswith("label_")} == wanted


def test_a_new_job_counts_from_nothing() -> None:
    new = {"metadata": MNIST["metadata"], "spec": MNIST["spec"]}
    found = samples([new])
    assert found["epochal_trainingjob_epoch"] == [(KEY, 0)]
    assert found["epochal_trainingjob_epochs"] == [(KEY, 10)]
    assert found["epochal_trainingjob_progress_ratio"] == [(KEY, 0)]
    for missing in (
        "state",
        "condition",
        "reason",
        "metric",
        "best_metric",
        "attempts",
        "start_time_seconds",
        "completion_time_seconds",
    ):
        assert f"epochal_trainingjob_{missing}" not in found


def test_what_a_job_does_not_say_is_an_empty_label() -> None:
    store = store_for([training_jobs(lambda: INSTALLATION, instance="test")])
    store.put(TRAINING_JOBS, document())
    ((labels, _),) = samples(store.objects(TRAINING_JOBS))["epochal_trainingjob_info"]
    assert (labels["queue"], labels["framework"]) == ("", "")


@pytest.mark.parametrize(("kind", "wanted"), [("Experiment", "search"), ("TrainingJob", "")])
def test_of_a_trial_it_is_told_whose_it_is(kind: str, wanted: str) -> None:
    store, one = store_for([training_jobs(lambda: INSTALLATION, instance="test")]), document()
    owner = {"apiVersion": "epochal.dev/v1alpha1", "kind": kind, "name": "search", "uid": "e", "controller": True}
    one["metadata"] |= {"ownerReferences": [owner], "labels": {"epochal.dev/experiment": "anybody's to write"}}
    store.put(TRAINING_JOBS, one)
    ((labels, _),) = samples(store.objects(TRAINING_JOBS))["epochal_trainingjob_info"]
    assert labels["experiment"] == wanted


def test_series_go_with_their_object() -> None:
    jobs = [MNIST]
    exported = registry(jobs)
    assert b"mnist" in generate_latest(exported)
    jobs.clear()
    assert generate_latest(exported) == b""


@pytest.mark.parametrize("value", ["NaN", "inf", "-1e-9"])
def test_figures_that_are_no_plain_number_are_exported(value: str) -> None:
    job = MNIST | {"status": {"metrics": {"loss": value}}}
    ((_, found),) = samples([job])["epochal_trainingjob_metric"]
    assert str(found) == str(float(value))


texts = st.none() | st.text() | st.integers() | st.floats()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "metadata": st.dictionaries(st.sampled_from(["name", "namespace", "uid", "creationTimestamp"]), texts),
            "spec": st.none() | st.just({"scheduling": None, "training": None}),
            "status": st.none()
            | st.fixed_dictionaries(
                {},
                optional={
                    "state": texts,
                    "conditions": st.none() | st.lists(st.dictionaries(st.sampled_from(["type", "status"]), texts)),
                    "startTime": texts,
                    "attempt": texts,
                    "progress": st.none()
                    | st.dictionaries(st.sampled_from(["epoch", "epochs", "percent", "lastReportTime"]), texts),
                    "metrics": st.none() | st.dictionaries(st.text(), texts),
                    "best": st.none() | st.dictionaries(st.sampled_from(["metric", "value"]), texts),
                },
            ),
        },
    )
)
def test_one_odd_object_never_spoils_the_scrape(odd: dict[str, Any]) -> None:
    found = samples([odd, MNIST])
    assert (KEY, 3.0) in found["epochal_trainingjob_epoch"]


@pytest.mark.parametrize("odd", [{"status": "none"}, {"metadata": [1]}, {"spec": {"scheduling": "none"}}])
def test_one_object_that_cannot_be_understood_never_spoils_the_scrape(odd: dict[str, Any]) -> None:
    found = samples([MNIST | {"metadata": {"name": "odd"}} | odd, MNIST])
    assert (KEY, 3.0) in found["epochal_trainingjob_epoch"]


def all_metrics() -> CollectorRegistry:
    made = registry([MNIST])
    metrics, reports = OperatorMetrics(made), ReportMetrics(made)
    reports.epoch_duration.observe(15.2)
    metrics.queue_wait.observe(0.002)
    metrics.reconcile_duration.observe(0.02)
    metrics.reconcile.labels("changed").inc()
    metrics.workqueue_depth.set(4)
    reports.progress_reports.labels("200").inc()
    metrics.leader.set(1)
    return made


def test_the_operators_own_series_have_no_job() -> None:
    made = all_metrics()
    own = {
        sample.name: (sample.labels, sample.value)
        for family in parse(generate_latest(made).decode())
        for sample in family.samples
        if sample.name.startswith("epochal_") and "trainingjob" not in sample.name and "le" not in sample.labels
    }
    assert own["epochal_epoch_duration_seconds_sum"] == ({}, 15.2)
    assert own["epochal_queue_wait_seconds_count"] == ({}, 1)
    assert own["epochal_reconcile_duration_seconds_count"] == ({}, 1)
    assert own["epochal_reconcile_total"] == ({"result": "changed"}, 1)
    assert own["epochal_workqueue_depth"] == ({}, 4)
    assert own["epochal_progress_reports_total"] == ({"code": "200"}, 1)
    assert own["epochal_leader"] == ({}, 1)


def test_openmetrics_is_spoken_too() -> None:
    made = all_metrics()
    text = generate_openmetrics(made).decode()  # type: ignore[no-untyped-call]
    families = {family.name: family.type for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert families["epochal_trainingjob"] == "info"
    assert families["epochal_trainingjob_state"] == "gauge"
    assert families["epochal_epoch_duration_seconds"] == "histogram"
    assert families["epochal_reconcile"] == "counter"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_say() -> None:
    made = all_metrics()
    check = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(made), capture_output=True, check=False
    )
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")
