"""`epochal doctor`: the Secret, the buckets, and the address in pods."""

from typing import Any

import pytest
from epochal.client.failures import no_connection
from epochal.doctor import Level, examine, storage
from epochal.environment import Environment

from tests.unit.cli.doctor.known_cluster import DEPLOYMENT, KnownCluster, job, problems, text


def test_no_secret(cluster: KnownCluster) -> None:
    del cluster.objects["secrets", "minio-credentials"]
    assert (
        "there is no Secret minio-credentials in the namespace vision -> Create it: kubectl create secret"
        in (problems(cluster, job())["secret"])
    )
    skipped = {result.check for result in examine(cluster, job()) if result.finding.level == Level.SKIPPED}
    assert skipped == {"data bucket", "results bucket"}


def test_a_secret_that_the_user_may_not_read(cluster: KnownCluster) -> None:
    cluster.missing_rights |= {"secrets"}
    assert problems(cluster, job())["secret"].startswith("warning: cannot be checked: ")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"accesskey": text("a"), "secretKey": text("b")}, "accessKey is missing, found accesskey, secretKey"),
        ({}, "accessKey and secretKey is missing, found no key"),
        ({"accessKey": text("a\n"), "secretKey": text("b")}, "accessKey of the Secret keys has a space or line feed"),
        ({"accessKey": "?", "secretKey": text("b")}, "accessKey is missing"),
    ],
)
def test_keys_of_a_secret(data: dict[str, str], message: str) -> None:
    (found,) = storage.describe_secret("keys", data)
    assert (found.level, message in found.message) == (Level.PROBLEM, True)


def address(cluster: KnownCluster, endpoint: str | None) -> str:
    fields = {"secretRef": {"name": "minio-credentials"}, **({"endpoint": endpoint} if endpoint else {})}
    return problems(cluster, job(storage=fields)).get("address in pods", "")


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("http://localhost:9000", "which means the pod itself in a pod"),
        ("http://127.0.0.1:9000", "which means the pod itself in a pod"),
        ("http://other.minio.svc:9000", "there is no Service other in the namespace minio"),
        ("http://other:9000", "there is no Service other in the namespace vision"),
        ("http://minio.minio.svc.cluster.local:80", "has no port 80, found 9000 -> Set the port: http://minio.minio"),
        ("https://s3.amazonaws.com", ""),
        ("http://minio.minio:9000", ""),
    ],
)
def test_addresses_as_pods_see_them(cluster: KnownCluster, endpoint: str, message: str) -> None:
    found = address(cluster, endpoint)
    assert message in found if message else found == ""


def test_an_address_without_ready_pods(cluster: KnownCluster) -> None:
    cluster.objects["endpointslices", "minio-1"] = {"endpoints": [{"conditions": {"ready": False}}]}
    assert "has no ready pod" in address(cluster, None)


def test_no_address(cluster: KnownCluster) -> None:
    deployment = {**DEPLOYMENT, "spec": {}}
    cluster.objects["deployments", "epochal"] = deployment
    assert "neither spec.storage.endpoint nor the installation has the address" in address(cluster, None)
    cluster.missing_rights |= {"deployments"}
    assert "which you may not read" in address(cluster, None)


def test_an_unreachable_storage_is_no_problem_of_the_cluster(
    cluster: KnownCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise no_connection("http://minio.minio.svc:9000", "no such host")

    monkeypatch.setattr(storage, "open_bucket", unreachable)
    levels = [one.finding.level for one in examine(cluster, job()) if one.check.endswith("bucket")]
    assert levels == [Level.WARNING] * 2
    cluster.environment = Environment(variables={"EPOCHAL_STORAGE_ENDPOINT": "http://localhost:9000"})
    levels = [one.finding.level for one in examine(cluster, job()) if one.check.endswith("bucket")]
    assert levels == [Level.PROBLEM] * 2
