"""A cluster with known objects, for the checks of `epochal doctor`."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from epochal.client.cluster import Cluster
from epochal.client.failures import refused
from epochal.client.kinds import EPOCHAL_KINDS, Kind
from epochal.doctor import Level, examine
from epochal.doctor.examine import CHECKS
from epochal.doctor.finding import Finding
from epochal.environment import Environment
from epochal_api.crd import schema
from epochal_api.experiment.spec import Experiment
from epochal_api.modelserver.spec import ModelServer
from epochal_api.trainingjob.spec import TrainingJob, parse

from tests.unit.cli.test_manifests import DIGITS

Objects = dict[tuple[str, str], dict[str, Any]]


def job(**changes: Any) -> TrainingJob:
    document = yaml.safe_load(DIGITS)
    document["spec"] |= changes
    return parse(document)


def text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


class KnownCluster(Cluster):
    """A cluster with known objects, by plural and name, and documents by path."""

    def __init__(self, objects: Objects, documents: dict[str, Any], variables: Mapping[str, str] | None = None) -> None:
        self.namespace = "vision"
        self.environment = Environment(variables=variables or {})
        self.objects = objects
        self.documents = documents
        self.missing_rights: set[str] = set()

    @property
    def address(self) -> str:
        return "https://cluster"

    def read(self, path: str) -> dict[str, Any]:
        if path not in self.documents:
            raise refused(404, b"not found", f"read {path}")
        if isinstance(found := self.documents[path], Exception):
            raise found
        return dict(found)

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any]:
        del namespace
        if kind.plural in self.missing_rights:
            raise refused(403, b"forbidden", f"get {kind.plural}")
        if (kind.plural, name) not in self.objects:
            raise refused(404, b"not found", f"get {kind.plural} {name}")
        return self.objects[kind.plural, name]

    def list(self, kind: Kind, **_: Any) -> list[dict[str, Any]]:
        if kind.plural in self.missing_rights:
            raise refused(403, b"forbidden", f"list {kind.plural}")
        return [found for (plural, _), found in self.objects.items() if plural == kind.plural]

    def can(self, verb: str, kind: Kind, *, subresource: str = "", **_: Any) -> bool:
        del subresource
        return f"{verb} {kind.plural}" not in self.missing_rights


def openapi(**without: str) -> dict[str, Any]:
    """The OpenAPI document of the cluster, without one field of the spec of each given kind."""
    schemas = {}
    for model in (TrainingJob, Experiment, ModelServer):
        found = schema(model)
        found["properties"]["spec"]["properties"].pop(without.get(model.__name__, ""), None)
        schemas[f"dev.epochal.v1alpha1.{model.__name__}"] = found
    return {"components": {"schemas": schemas}}


DEPLOYMENT = {
    "metadata": {
        "namespace": "epochal-system",
        "name": "epochal",
        "labels": {"app.kubernetes.io/version": "0.2.0-dev"},
    },
    "spec": {
        "template": {
            "spec": {"containers": [{"args": ["--storage-endpoint=http://minio.minio.svc:9000", "--workers=4", "run"]}]}
        }
    },
    "status": {"readyReplicas": 1},
}


NODE = {
    "metadata": {"name": "one", "labels": {"disk": "ssd"}},
    "status": {
        "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}


SECRET = {"data": {"accessKey": text("key"), "secretKey": text("secret")}}


SERVICE = {"spec": {"ports": [{"port": 9000}]}}


SLICE = {"endpoints": [{"conditions": {"ready": True}}]}


@pytest.fixture
def cluster() -> KnownCluster:
    """A cluster on which a training works."""
    documents = {
        "/version": {"major": "1", "minor": "34+", "gitVersion": "v1.34.1"},
        "/apis": {"groups": [{"name": "epochal.dev"}]},
        "/apis/epochal.dev/v1alpha1": {"resources": [{"name": kind.plural} for kind in EPOCHAL_KINDS]},
        "/openapi/v3/apis/epochal.dev/v1alpha1": openapi(),
    }
    objects: Objects = {
        ("deployments", "epochal"): DEPLOYMENT,
        ("secrets", "minio-credentials"): SECRET,
        ("services", "minio"): SERVICE,
        ("endpointslices", "minio-1"): SLICE,
        ("nodes", "one"): NODE,
    }
    return KnownCluster(objects, documents)


def findings(cluster: Cluster, job: TrainingJob | None = None, *, without: str = "bucket") -> dict[str, Finding]:
    return dict(examine(cluster, job, [one for one in CHECKS if not one.name.endswith(without)]))


def problems(cluster: Cluster, job: TrainingJob | None = None) -> dict[str, str]:
    return {
        name: f"{finding.level}: {finding.message} -> {finding.remedy}"
        for name, finding in findings(cluster, job).items()
        if finding.level != Level.OK
    }
