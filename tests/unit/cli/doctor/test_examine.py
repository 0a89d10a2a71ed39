"""`epochal doctor`: a finding for each check, in order of dependence, with a remedy for each problem."""

from pathlib import Path
from typing import Any

import pytest
from epochal.client.failures import ApiError, no_connection
from epochal.doctor import Level, examine
from epochal.doctor.examine import CHECKS
from epochal.doctor.finding import Check
from epochal.doctor.namespace import RIGHTS, describe_rights
from epochal.exit_codes import ExitCode

from tests.unit.cli.commands import epochal
from tests.unit.cli.doctor.known_cluster import KnownCluster, findings, job, problems
from tests.unit.cli.test_manifests import DIGITS


def test_no_problem(cluster: KnownCluster) -> None:
    assert problems(cluster, job()) == {}
    found = findings(cluster, job())
    assert found["API server"].message == "Kubernetes v1.34.1 at https://cluster, namespace vision"
    assert found["operator"].message == "epochal-system/epochal 0.2.0-dev, 1 ready"
    assert found["address in pods"].message == "http://minio.minio.svc:9000: the Service has ready pods"
    assert {name for name, text in problems(cluster).items() if text.startswith("skipped: no file")} == {
        "secret",
        "address in pods",
    }


def test_checks_after_a_problem_are_skipped(cluster: KnownCluster) -> None:
    cluster.documents["/version"] = no_connection("https://cluster", "refused")
    results = list(examine(cluster, job()))
    assert [result.finding.level for result in results] == [Level.PROBLEM] + [Level.SKIPPED] * (len(CHECKS) - 1)
    assert results[-1].finding.message == "not checked, because of the problem that this check found: API server"
    assert results[0].finding.exit_code == 5


def test_each_check_names_earlier_checks() -> None:
    names: list[str] = []
    for check in CHECKS:
        assert set(check.needs) <= set(names)
        names.append(check.name)


def test_rights(cluster: KnownCluster) -> None:
    cluster.missing_rights |= {"create trainingjobs", "get secrets"}
    levels = [result.finding.level for result in examine(cluster) if result.check == "rights"]
    assert levels == [Level.PROBLEM, Level.WARNING]
    first, *_ = describe_rights(RIGHTS[:2], "vision")
    assert first.message == "you may not create trainingjobs, get trainingjobs in vision, so no training works"
    assert "kubectl create rolebinding" in first.remedy


def test_the_command(cluster: KnownCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal.client.connect", lambda *_, **__: cluster)
    code, output, _ = epochal("doctor", folder=tmp_path)
    assert code == 0
    assert output.startswith("ok       API server: Kubernetes v1.34.1 at https://cluster, namespace vision\n")
    (tmp_path / "job.yaml").write_text(DIGITS)
    del cluster.objects["secrets", "minio-credentials"]
    code, output, _ = epochal("doctor", "job.yaml", folder=tmp_path)
    assert code == 1
    assert "\nproblem  secret: spec.storage.secretRef: there is no Secret minio-credentials" in output
    assert "\nskipped  data bucket: not checked, because of the problem that this check found: secret\n" in output


def test_without_a_cluster(tmp_path: Path) -> None:
    code, _, errors = epochal("doctor", folder=tmp_path)
    assert code == 5
    assert "no usable configuration of a cluster" in errors


def test_an_unexpected_refusal_is_a_finding(cluster: KnownCluster) -> None:
    def refuse(_: object) -> Any:
        raise ApiError("no", "ask", exit_code=ExitCode.REFUSED, status=500, reason="")

    (result,) = examine(cluster, None, [Check("one", refuse)])
    assert (result.finding.level, result.finding.message) == (Level.PROBLEM, "no")
