"""Only a pod of the Job that the TrainingJob owns may report."""

import copy
import logging
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.api.errors import NotFound, Unavailable
from epochal_operator.runtime.owners import Owner
from epochal_operator.trainingjob.progress import access as reporter_access
from epochal_operator.trainingjob.progress.access import ReporterAccess, Trainer
from epochal_operator.web.pod_auth import Identity

from tests.unit.operator.fakes import ByKind

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube

JOB_REFERENCE = {"apiVersion": "batch/v1", "kind": "Job", "name": "mnist", "uid": "job-uid", "controller": True}
TRAINING_JOB_REFERENCE = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "TrainingJob",
    "name": "mnist",
    "uid": "tj-uid",
    "controller": True,
}
CREATED = "2026-11-25T12:00:00Z"
POD = {
    "metadata": {
        "name": "mnist-x7k2p",
        "uid": "pod-uid",
        "creationTimestamp": CREATED,
        "ownerReferences": [JOB_REFERENCE],
    }
}
JOB = {"metadata": {"name": "mnist", "uid": "job-uid", "ownerReferences": [TRAINING_JOB_REFERENCE]}}
TRAINER = Identity("system:serviceaccount:vision:default", "vision", "mnist-x7k2p", "pod-uid")
KNOWN = Trainer("pod-uid", CREATED, Owner("mnist", "tj-uid"))


class Cluster(ByKind):
    """An API server with pods and Jobs of one namespace, which counts the requests."""

    def __init__(self) -> None:
        self.pods: dict[str, Any] = {"mnist-x7k2p": copy.deepcopy(POD)}
        self.jobs: dict[str, Any] = {"mnist": copy.deepcopy(JOB)}
        self.asked: list[str] = []
        self.down = False

    async def get_pod(self, namespace: str, name: str) -> Any:
        self._count("pod")
        return self._get(self.pods, namespace, name)

    async def get_job(self, namespace: str, name: str) -> Any:
        self._count("job")
        return self._get(self.jobs, namespace, name)

    def _count(self, kind: str) -> None:
        self.asked.append(kind)
        if self.down:
            raise Unavailable(0, "TimeoutError", "no answer")

    def _get(self, objects: dict[str, Any], namespace: str, name: str) -> Any:
        if namespace != "vision" or name not in objects:
            raise NotFound(404, "NotFound", f"{name} not found")
        return objects[name]


def access_to(cluster: Cluster) -> ReporterAccess:
    return ReporterAccess(cast("Kube", cluster))


async def test_a_trainer_belongs_to_its_training_job() -> None:
    assert await access_to(Cluster()).trainer(TRAINER) == KNOWN


@pytest.mark.parametrize(
    "broken",
    [
        lambda cluster: cluster.pods.clear(),
        lambda cluster: cluster.jobs.clear(),
        lambda cluster: cluster.pods["mnist-x7k2p"]["metadata"].update(uid="a later pod of that name"),
        lambda cluster: cluster.jobs["mnist"]["metadata"].update(uid="a later Job of that name"),
        lambda cluster: cluster.pods["mnist-x7k2p"]["metadata"].pop("ownerReferences"),
        lambda cluster: cluster.jobs["mnist"]["metadata"].update(ownerReferences=[JOB_REFERENCE]),
    ],
    ids=["pod gone", "Job gone", "another pod", "another Job", "a bare pod", "a Job of no TrainingJob"],
)
async def test_any_other_pod_is_no_trainer(broken: Any, caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    broken(cluster)
    with caplog.at_level(logging.WARNING):
        assert await access_to(cluster).trainer(TRAINER) is None
    assert "mnist-x7k2p" in caplog.text


async def test_token_without_a_pod_is_no_trainer() -> None:
    cluster = Cluster()
    unbound = Identity("system:serviceaccount:vision:default", "vision", "", "")
    assert await access_to(cluster).trainer(unbound) is None
    assert cluster.asked == []


async def test_trainer_is_cached() -> None:
    cluster = Cluster()
    known = access_to(cluster)
    for _ in range(3):
        await known.trainer(TRAINER)
    assert cluster.asked == ["pod", "job"]


@pytest.mark.parametrize(("seconds", "asked"), [(59, 0), (61, 1)])
async def test_found_trainer_is_cached_for_a_minute(seconds: float, asked: int) -> None:
    now = [0.0]
    cluster = Cluster()
    known = ReporterAccess(cast("Kube", cluster), clock=lambda: now[0])
    assert await known.trainer(TRAINER) == KNOWN
    cluster.asked.clear()
    cluster.pods.clear()
    now[0] = seconds
    assert await known.trainer(TRAINER) == (None if asked else KNOWN)
    assert cluster.asked == ["pod"] * asked


async def test_error_of_the_api_server_is_not_cached() -> None:
    cluster = Cluster()
    known = access_to(cluster)
    cluster.down = True
    with pytest.raises(Unavailable):
        await known.trainer(TRAINER)
    cluster.down = False
    assert await known.trainer(TRAINER) == KNOWN


def test_unserved_namespace_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    access = ReporterAccess(cast("Kube", Cluster()), ("vision", "speech"))
    with caplog.at_level(logging.WARNING):
        served = [access.serves(name) for name in ("vision", "speech", "other", "other", "more")]
    assert served == [True, True, False, False, False]
    assert ["namespace other" in line or "namespace more" in line for line in caplog.messages] == [True, True]


def test_number_of_logged_namespaces_is_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reporter_access, "MAX_LOGGED_NAMESPACES", 2)
    access = ReporterAccess(cast("Kube", Cluster()), ("vision",))
    assert not any(access.serves(f"other-{number}") for number in (*range(9), *range(9)))
    assert len(caplog.messages) == 2


def test_all_namespaces_are_served_by_default() -> None:
    assert access_to(Cluster()).serves("any")
