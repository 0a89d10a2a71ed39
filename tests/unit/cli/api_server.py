"""A fake API server for commands: it serves from a thread of its own, because a command blocks its thread.

    def test_it(cluster: ClusterInMemory) -> None:
        cluster.objects.create("trainingjobs", "vision", document)
        assert epochal("list", folder=tmp_path, variables=cluster.variables).exit_code == 0

The fixture is in conftest.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from epochal.client import connect
from epochal.client.cluster import Cluster
from epochal.environment import Environment

from tests.kit.fake.objects import Objects
from tests.kit.fake.resources import RESOURCES, Resource
from tests.kit.fake.server import FakeApiServer
from tests.kit.fake.thread import ServerThread

OTHER_RESOURCES = (
    Resource("v1", "ConfigMap", "configmaps"),
    Resource("v1", "Node", "nodes", namespaced=False),
    Resource("v1", "ResourceQuota", "resourcequotas"),
    Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False),
    Resource("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False),
    Resource("kueue.x-k8s.io/v1beta1", "LocalQueue", "localqueues"),
    Resource("kueue.x-k8s.io/v1beta1", "ClusterQueue", "clusterqueues", namespaced=False),
)


class ClusterInMemory(ServerThread):
    """An API server in this process, with the namespace `vision`, which its kubeconfig names.

    Args:
        folder: Folder of the kubeconfig.

    Attributes:
        variables: The variables of a command that uses it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(FakeApiServer(objects=Objects("vision", "default", resources=(*RESOURCES, *OTHER_RESOURCES))))
        self.variables = {"KUBECONFIG": str(folder / "kubeconfig.yaml"), "HOME": str(folder)}
        self._folder = folder

    def start(self) -> None:
        super().start()
        config = yaml.safe_load(self.server.kubeconfig(self._folder / "kubeconfig.yaml").read_text())
        config["contexts"][0]["context"]["namespace"] = "vision"
        Path(self.variables["KUBECONFIG"]).write_text(yaml.safe_dump(config))

    def connect(self, namespace: str | None = None) -> Cluster:
        """Return a client of the server."""
        return connect(Environment(variables=self.variables, sleep=lambda _: None), namespace=namespace)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterInMemory]:
    """An API server in this process."""
    found = ClusterInMemory(tmp_path)
    found.start()
    try:
        yield found
    finally:
        found.stop()
