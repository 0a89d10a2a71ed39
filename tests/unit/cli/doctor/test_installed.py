"""`epochal doctor`: the API server, the kinds of Epochal and its operator."""

from typing import Any

import pytest
from epochal.doctor import Level
from epochal.doctor.installed import compare_fields, describe_installation
from epochal.doctor.operator import Installation, installation_of

from tests.unit.cli.doctor.known_cluster import DEPLOYMENT, KnownCluster, openapi, problems


def test_an_old_api_server(cluster: KnownCluster) -> None:
    cluster.documents["/version"] = {"major": "1", "minor": "30", "gitVersion": "v1.30.0"}
    assert "must be at least 1.31" in problems(cluster)["API server"]


def test_missing_kinds(cluster: KnownCluster) -> None:
    del cluster.documents["/apis/epochal.dev/v1alpha1"]
    found = problems(cluster)
    assert (
        "the cluster has no TrainingJob, Experiment, ModelServer of epochal.dev/v1alpha1 -> Install" in found["kinds"]
    )
    assert found["operator"].startswith("skipped")


def test_kinds_of_another_version() -> None:
    older, *_ = compare_fields(openapi(TrainingJob="finish")["components"]["schemas"])
    assert (older.level, "they lack the fields TrainingJob.spec.finish" in older.message) == (Level.WARNING, True)
    schemas = openapi()["components"]["schemas"]
    schemas["dev.epochal.v1alpha1.ModelServer"]["properties"]["spec"]["properties"]["future"] = {"type": "string"}
    newer, *_ = compare_fields(schemas)
    assert "does not know the fields ModelServer.spec.future" in newer.message
    assert newer.remedy == "Install the wheels of the newer version, as in docs/command.md."


@pytest.mark.parametrize(
    ("changes", "level", "message"),
    [
        ({}, Level.OK, "a/b 0.2.0-dev, 1 ready"),
        ({"ready": 0}, Level.PROBLEM, "the operator a/b is not ready"),
        ({"namespaces": ["other"]}, Level.PROBLEM, "does not serve the namespace vision, only other"),
    ],
)
def test_the_operator(changes: dict[str, Any], level: Level, message: str) -> None:
    found, *more = describe_installation(
        Installation("a/b", "0.2.0-dev", 1)._replace(**changes), "vision", "0.2.0.dev0"
    )
    assert (found.level, message in found.message, more) == (level, True, [])


def test_another_version_of_the_operator() -> None:
    *_, found = describe_installation(Installation("a/b", "0.1.0", 1), "vision", "0.2.0.dev0")
    assert found.message == "the operator has the version 0.1.0, and this command 0.2.0.dev0"


def test_the_arguments_of_the_operator() -> None:
    found = installation_of(DEPLOYMENT)
    assert (found.storage_endpoint, found.ready, found.serves("any")) == ("http://minio.minio.svc:9000", 1, True)


def test_an_operator_that_the_user_may_not_read(cluster: KnownCluster) -> None:
    cluster.missing_rights |= {"deployments"}
    assert "you may not read it" in problems(cluster)["operator"]
    cluster.objects["trainingjobs", "mine"] = {"metadata": {"name": "mine"}}
    assert "the TrainingJob mine has no status" in problems(cluster)["operator"]
    cluster.objects["trainingjobs", "mine"]["status"] = {"state": "Running"}
    assert "operator" not in problems(cluster)
