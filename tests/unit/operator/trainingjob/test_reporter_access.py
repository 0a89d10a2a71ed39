"""Who may report: only the pod that the token is bound to, of the Job that the TrainingJob owns."""

import copy
import dataclasses
import logging
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.errors import NotFound, Unavailable
from epochal_operator.runtime.token_review import Identity
from epochal_operator.trainingjob.reporter_access import Access, Owner, bearer, controller
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.fakes import ByKind

if TYPE_CHECKING:
    from epochal_operator.runtime.kube import Kube

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
        self.tokens: dict[str, Identity] = {"good": TRAINER}
        self.asked: list[str] = []
        self.down = False

    async def review_token(self, token: str, audience: str) -> Identity | None:
        self._ask("token")
        assert audience == "epochal.dev"
        return self.tokens.get(token)

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


def access_to(cluster: Cluster) -> Access:
    return Access(cast("Kube", cluster))


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
        ("Bearer äöü", None),
        ("Bearer " + "a" * 8193, None),
    ],
)
def test_a_token_is_taken_from_the_header(header: str | None, token: str | None) -> None:
    assert bearer(header) == token


@given(st.text())
def test_any_header_is_read_or_refused(header: str) -> None:
    token = bearer(header)
    assert token is None or (token and token.isascii() and header.lower().startswith("bearer "))


@pytest.mark.parametrize(
    ("references", "owner"),
    [
        ([JOB_REFERENCE], Owner("mnist", "job-uid")),
        ([TRAINING_JOB_REFERENCE, JOB_REFERENCE], Owner("mnist", "job-uid")),
        ([JOB_REFERENCE | {"apiVersion": "batch/v2"}], Owner("mnist", "job-uid")),
        ([JOB_REFERENCE | {"controller": False}], None),
        ([{key: value for key, value in JOB_REFERENCE.items() if key != "controller"}], None),
        ([JOB_REFERENCE | {"kind": "CronJob"}], None),
        ([JOB_REFERENCE | {"apiVersion": "evil.dev/v1"}], None),
        ([JOB_REFERENCE | {"apiVersion": "batch.evil.dev/v1"}], None),
        ([], None),
        (None, None),
    ],
)
def test_only_a_controller_of_that_kind_counts(references: Any, owner: Owner | None) -> None:
    assert controller({"metadata": {"ownerReferences": references}}, group="batch", kind="Job") == owner


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
        identity = await known.identity("good")
        assert identity == TRAINER
        await known.job(identity)
        assert await known.identity("forged") is None
    assert cluster.asked == ["token", "pod", "job", "token"]


@pytest.mark.parametrize(("seconds", "asked"), [(59, 0), (61, 1)])
async def test_a_yes_holds_for_a_minute(seconds: float, asked: int) -> None:
    now = [0.0]
    cluster = Cluster()
    known = Access(cast("Kube", cluster), lambda: now[0])
    assert await known.identity("good") == TRAINER
    assert await known.job(TRAINER) == Owner("mnist", "tj-uid")
    cluster.asked.clear()
    cluster.tokens.clear()
    cluster.pods.clear()
    now[0] = seconds
    assert (known.known("good"), await known.identity("good")) == ((None, None) if asked else (TRAINER, TRAINER))
    assert await known.job(TRAINER) == (None if asked else Owner("mnist", "tj-uid"))
    assert cluster.asked == ["token", "pod"] * asked


@pytest.mark.parametrize(("seconds", "later"), [(4.9, None), (5.1, TRAINER)])
async def test_a_no_holds_for_seconds(seconds: float, later: Identity | None) -> None:
    now = [0.0]
    cluster = Cluster()
    known = Access(cast("Kube", cluster), lambda: now[0])
    assert await known.identity("late") is None
    cluster.tokens["late"] = TRAINER
    now[0] = seconds
    assert await known.identity("late") == later


@pytest.mark.parametrize("pods", [4_500, 20_000])
async def test_as_many_pods_as_there_are_cost_a_review_each_minute(pods: int) -> None:
    cluster = Cluster()
    cluster.tokens = {f"token-{number}": dataclasses.replace(TRAINER, pod_uid="pod-uid") for number in range(pods)}
    known = access_to(cluster)
    for _ in range(3):
        for token in cluster.tokens:
            await known.identity(token)
            await known.identity(f"junk-{token}")
    cluster.asked.clear()
    for token in cluster.tokens:
        assert await known.identity(token) is not None
    assert cluster.asked == []


async def test_an_api_server_that_is_down_is_no_refusal() -> None:
    cluster = Cluster()
    known = access_to(cluster)
    cluster.down = True
    with pytest.raises(Unavailable):
        await known.identity("good")
    with pytest.raises(Unavailable):
        await known.job(TRAINER)
    cluster.down = False
    assert await known.identity("good") == TRAINER
    assert await known.job(TRAINER) == Owner("mnist", "tj-uid")


async def test_no_token_is_kept() -> None:
    cluster = Cluster()
    known = access_to(cluster)
    await known.identity("good")
    assert "good" not in repr(vars(known._identities))
