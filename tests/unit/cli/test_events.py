"""`epochal events`: why an object waits, and its history, newest first."""

from pathlib import Path

from epochal.exit_codes import ExitCode

from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.commands import epochal
from tests.unit.cli.objects import put_job, ready


def put_event(cluster: ClusterInMemory, name: str, uid: str, **event: object) -> None:
    regarding = {"kind": "TrainingJob", "name": "mnist", "namespace": "vision", "uid": uid}
    cluster.objects.create("events", "vision", {"metadata": {"name": name}, "regarding": regarding, **event})


def test_the_reason_of_a_wait_and_the_history(cluster: ClusterInMemory, tmp_path: Path) -> None:
    conditions = ready("Unschedulable", "no free GPU\x1b[31m", time="2026-11-29T23:50:00Z")
    job = put_job(cluster, "mnist", state="Queued", conditions=conditions)
    uid = job["metadata"]["uid"]
    put_event(
        cluster, "a", uid, reason="Started", type="Normal", note="attempt 1", eventTime="2026-11-29T22:00:00.000000Z"
    )
    series = {"count": 3, "lastObservedTime": "2026-11-29T23:59:00.000000Z"}
    put_event(cluster, "b", uid, reason="PodRefused", type="Warning", note="quota", series=series)
    put_event(cluster, "c", "earlier", reason="Old", type="Normal", note="", eventTime="2026-11-29T23:59:00Z")
    code, output, errors = epochal("events", "mnist", folder=tmp_path, variables=cluster.variables)
    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        "TrainingJob mnist: Queued  Unschedulable: no free GPU [31m",
        "",
        "AGE   TYPE          REASON          MESSAGE",
        "1m    Warning       PodRefused      quota (3 times)",
        "10m   Ready=False   Unschedulable   no free GPU [31m",
        "2h    Normal        Started         attempt 1",
    ]


def test_no_history(cluster: ClusterInMemory, tmp_path: Path) -> None:
    put_job(cluster, "mnist")
    code, output, errors = epochal("events", "mnist", folder=tmp_path, variables=cluster.variables)
    assert (code, output) == (0, "TrainingJob mnist: Pending\n")
    assert "epochal doctor" in errors
    code, _, errors = epochal("events", "other", folder=tmp_path, variables=cluster.variables)
    assert code == ExitCode.NOT_FOUND
