"""Who may report: only a pod of the Job that the TrainingJob owns."""

import copy
import logging
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.api.errors import NotFound, Unavailable
from epochal_operator.runtime.owners import Owner
from epochal_operator.trainingjob.progress import access as reporter_access
from epochal_operator.trainingjob.progress.access import ReporterAccess
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
POD = {"metadata": {"name": "mnist-x7k2p", "uid": "pod-uid", "ownerReferences": [JOB_REFERENCE]}}
JOB = {"metadata": {"name": "mnist", "uid": "job-uid", "ownerReferences": [TRAINING_JOB_REFERENCE]}}
TRAINER = Identity("system:serviceaccount:vision:default", "vision", "mnist-x7k2p", "pod-uid")


class Cluster(ByKind):
    """What an API server says of tokens, pods and Jobs in one namespace, and how often it was asked."""

    def __init__(self) -> None:
        self.pods: dict[str, Any] = {"mnist-x7k2p": copy.deepcopy(POD)}
        self.jobs: dict[str, Any] = {"mnist": copy.deepcopy(JOB)}
        self.asked: list[str] = []
        self.down = False

    async def get_pod(self, namespace: str, name: str) -> Any:
        self._ask("pod")
        return self._get(self.pods, namespace, name)

    async def get_job(self, namespace: str, name: str) -> Any:
        self._ask("job")
        return self._get(self.jobs, namespace, name)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.down:
            raise Unavailable(0, "TimeoutError", "no answer")

    def _get(self, objects: dict[str, Any], namespace: str, name: str) -> Any:
        if namespace != "vision" or name not in objects:
            raise NotFound(404, "NotFound", f"{name} not found")
        return objects[name]


def access_to(cluster: Cluster) -> ReporterAccess:
    return ReporterAccess(cast("Kube", cluster))


async def test_a_trainers_pod_belongs_to_its_training_job() -> None:
    assert await access_to(Cluster()).job(TRAINER) == Owner("mnist", "tj-uid")


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
async def test_any_other_pod_has_no_training_job(broken: Any, caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    broken(cluster)
    with caplog.at_level(logging.WARNING):
        assert await access_to(cluster).job(TRAINER) is None
    assert "mnist-x7k2p" in caplog.text


async def test_a_token_that_is_not_bound_to_a_pod_has_no_training_job() -> None:
    cluster = Cluster()
    unbound = Identity("system:serviceaccount:vision:default", "vision", "", "")
    assert await access_to(cluster).job(unbound) is None
    assert cluster.asked == []


async def test_the_api_server_is_asked_once() -> None:
    cluster = Cluster()
    known = access_to(cluster)
    for _ in range(3):
        await known.job(TRAINER)
    assert cluster.asked == ["pod", "job"]


@pytest.mark.parametrize(("seconds", "asked"), [(59, 0), (61, 1)])
async def test_a_yes_holds_for_a_minute(seconds: float, asked: int) -> None:
    now = [0.0]
    cluster = Cluster()
    known = ReporterAccess(cast("Kube", cluster), clock=lambda: now[0])
    assert await known.job(TRAINER) == Owner("mnist", "tj-uid")
    cluster.asked.clear()
    cluster.pods.clear()
    now[0] = seconds
    assert await known.job(TRAINER) == (None if asked else Owner("mnist", "tj-uid"))
    assert cluster.asked == ["pod"] * asked


async def test_an_api_server_that_is_down_is_no_refusal() -> None:
    cluster = Cluster()
    known = access_to(cluster)
    cluster.down = True
    with pytest.raises(Unavailable):
        await known.job(TRAINER)
    cluster.down = False
    assert await known.job(TRAINER) == Owner("mnist", "tj-uid")


def test_a_namespace_that_is_not_served_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    access = ReporterAccess(cast("Kube", Cluster()), ("vision", "speech"))
    with caplog.at_level(logging.WARNING):
        assert [access.serves(one) for one in ("vision", "speech", "other", "other", "more")] == [
            True,
            True,
            False,
            False,
            False,
        ]
    assert [line.split(" are refused")[0] for line in caplog.messages] == [
        "reports from the namespace other",
        "reports from the namespace more",
    ]


def test_of_many_namespaces_that_are_not_served_no_more_is_kept_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reporter_access, "UNSERVED", 2)
    access = ReporterAccess(cast("Kube", Cluster()), ("vision",))
    assert not any(access.serves(f"other-{number}") for number in (*range(9), *range(9)))
    assert len(caplog.messages) == 2


def test_all_namespaces_are_served_where_none_is_named() -> None:
    assert access_to(Cluster()).serves("any")
