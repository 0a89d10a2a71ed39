"""Set-up of all tests on the cluster: buckets with data, and a namespace for each file."""

import os
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from minio import Minio

from tests.kit import buckets, jobs
from tests.kit.jobs import DIGITS, Namespace
from tests.kit.kubectl import Refused, apply, kubectl

DATA, RESULTS = (DIGITS["spec"][part]["bucket"] for part in ("data", "results"))
LONGEST = (
    "test_experiment",
    "test_resume",
    "test_storage",
    "test_rbac",
    "test_lifecycle",
    "test_job",
    "test_pods",
    "test_modelserver",
    "test_modelserver_rollout",
    "test_serving_document",
)
"""Files that start first, so that no long one runs alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Fills the buckets once for all. Fails at once where there is no cluster: `make test-e2e` brings it up."""
    one_of_several = hasattr(session.config, "workerinput")
    if one_of_several or session.config.option.collectonly:
        return
    kubectl("rollout", "status", "deployment/epochal", "--namespace", "epochal-system", "--timeout=60s")
    client = buckets.connect()
    with tempfile.TemporaryDirectory() as folder:
        buckets.fill(client, DATA, [jobs.digits_file(Path(folder))])
    buckets.fill(client, RESULTS, [])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the state of the namespace to the report of a test that failed: the namespace is deleted afterwards."""
    report = yield
    namespace = item.funcargs.get("namespace")
    if report.failed and isinstance(namespace, Namespace):
        try:
            report.sections.append((f"Namespace {namespace.name}", namespace.snapshot()))
        except Refused as error:  # a test may break the cluster
            report.sections.append((f"Namespace {namespace.name}", str(error)))
    return report


@pytest.fixture(scope="session")
def store() -> Minio:
    return buckets.connect()


@pytest.fixture(scope="session")
def digits_file(store: Minio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    store.fget_object(DATA, file.name, str(file))
    return file


@pytest.fixture(scope="module")
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for the tests of one file, which is deleted after them."""
    name = "e2e-" + re.sub(r"[^a-z0-9]+", "-", request.module.__name__.rsplit(".", 1)[-1].removeprefix("test_"))
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(name, *buckets.credentials()))
    yield Namespace(name)
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def kubeconfig(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A kubeconfig whose default namespace is that of the tests, as a newcomer has it."""
    file = str(tmp_path_factory.mktemp("home") / "kubeconfig")
    shutil.copy(os.environ["KUBECONFIG"], file)
    kubectl("config", "set-context", "--current", "--namespace", namespace.name, "--kubeconfig", file)
    return file
