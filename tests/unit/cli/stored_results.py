"""TrainingJobs with results in an S3 service of this process, for commands."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.s3_server import Service
from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.objects import Object, put

STORAGE = {"endpoint": "http://s3.invalid:9000", "secretRef": {"name": "credentials"}}


class Stored:
    """An S3 service with the bucket `bucket`, and the variables of a command that uses it."""

    def __init__(self, cluster: ClusterInMemory, service: Service) -> None:
        self.cluster = cluster
        self.service = service
        self.variables = {
            **cluster.variables,
            "AWS_ACCESS_KEY_ID": "access-key",
            "AWS_SECRET_ACCESS_KEY": "secret-key",
            "EPOCHAL_STORAGE_ENDPOINT": service.endpoint,
        }

    def put_job(self, name: str, files: dict[str, bytes], spec: Object | None = None, **status: Any) -> Object:
        """Create a TrainingJob whose results folder has files, and return it."""
        whole = {"storage": STORAGE, "results": {"bucket": "bucket", "prefix": "runs"}, **(spec or {})}
        job = put(self.cluster, "trainingjobs", name, whole, **status)
        self.put_files(f"runs/vision/{name}/{job['metadata']['uid']}", files)
        return job

    def put_experiment(self, name: str, files: dict[str, bytes], **status: Any) -> Object:
        """Create an Experiment whose results folder has files, and return it."""
        template = {"spec": {"storage": STORAGE, "results": {"bucket": "bucket"}}}
        spec = {"objective": {"metric": "val_loss", "goal": "Minimize"}, "template": template}
        experiment = put(self.cluster, "experiments", name, spec, **status)
        self.put_files(f"vision/{name}/{experiment['metadata']['uid']}", files)
        return experiment

    def put_files(self, folder: str, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            self.service.put(f"{folder}/{path}", content)


@pytest.fixture
def stored(cluster: ClusterInMemory) -> Iterator[Stored]:
    """An API server and an S3 service in this process."""
    service = Service()
    try:
        yield Stored(cluster, service)
    finally:
        service.stop()
