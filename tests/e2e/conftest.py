"""What every test on the cluster starts from: buckets with data, and a namespace of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio import Minio

from tests.kit import buckets, jobs
from tests.kit.jobs import DIGITS, Namespace
from tests.kit.kubectl import apply, kubectl


@pytest.fixture(scope="session", autouse=True)
def _cluster() -> None:
    """Fails at once where there is no cluster with Epochal in it: `make test-e2e` brings it up."""
    kubectl("rollout", "status", "deployment/epochal", "--namespace", "epochal-system", "--timeout=60s")


@pytest.fixture(scope="session")
def store() -> Minio:
    return buckets.connect()


@pytest.fixture(scope="session")
def digits_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jobs.digits_file(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="session", autouse=True)
def _buckets(store: Minio, digits_file: Path) -> None:
    buckets.fill(store, DIGITS["spec"]["data"]["bucket"], [digits_file])
    buckets.fill(store, DIGITS["spec"]["results"]["bucket"], [])


@pytest.fixture(scope="module")
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for the tests of one file, which goes when they are done."""
    name = "e2e-" + re.sub(r"[^a-z0-9]+", "-", request.module.__name__.rsplit(".", 1)[-1].removeprefix("test_"))
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(name, *buckets.credentials()))
    yield Namespace(name)
    kubectl("delete", "namespace", name, "--wait=false")
