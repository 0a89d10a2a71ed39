"""The progress endpoint, over TLS on loopback."""

import asyncio
import copy
import gzip
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import aiohttp
import pytest
from epochal_api.crd import schema
from epochal_api.pod import progress_path
from epochal_api.read_status import read_status
from epochal_api.trainingjob.report import MAX_REPORT_BYTES, Report
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import Status
from epochal_lib.sockets import listen
from epochal_operator.runtime.api.errors import ApiError, Conflict, Forbidden, Invalid, NotFound, Unavailable
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import Resource
from epochal_operator.runtime.api.transport import Transport
from epochal_operator.trainingjob.metrics import ReportMetrics
from epochal_operator.trainingjob.progress import endpoint as progress_endpoint
from epochal_operator.trainingjob.progress.endpoint import (
    ProgressEndpoint,
    ReportError,
    epoch_seconds,
    is_newer,
    read_report,
)
from epochal_operator.trainingjob.resources import TRAINING_JOBS
from epochal_operator.web.certificates import renew
from epochal_operator.web.pod_auth import Identity
from epochal_operator.web.server import Server
from epochal_operator.web.tls import load_bundle
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.kit.fake.objects import Objects
from tests.kit.fake.server import FakeApiServer
from tests.unit.operator.fakes import ByKind, reviewed

BUNDLE = renew(None, ["localhost"], datetime.now(UTC))
PATH = progress_path("vision", "mnist")
EARLIER, CREATED, LATER = (f"2026-11-25T1{hour}:00:00Z" for hour in range(1, 4))
REPORT: dict[str, Any] = {
    "attempt": 2,
    "sequence": 7,
    "stage": "Training",
    "epoch": 3,
    "epochs": 10,
    "stepsPerEpoch": 782,
    "secondsPerEpoch": 15.2,
    "metrics": {"loss": 0.0368, "val_loss": "NaN"},
}


def report(**changes: Any) -> Report:
    return Report.model_validate(REPORT | changes)


def job(status: Any = None) -> dict[str, Any]:
    metadata = {"name": "mnist", "namespace": "vision", "uid": "tj-uid", "resourceVersion": "41"}
    return {"metadata": metadata, **({} if status is None else {"status": status})}


def ended(kind: str, status: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": "True"}, {"type": kind, "status": status}]}


def refused() -> dict[str, Any]:
    """Returns the status of a TrainingJob that another version of Epochal has refused."""
    return {"conditions": [{"type": "Failed", "status": "True", "reason": "InvalidSpec"}]}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, True),
        ({}, True),
        ({"state": "Starting"}, True),
        ({"progress": {"attempt": 2, "sequence": 6, "epoch": 3}}, True),
        ({"progress": {"attempt": 2, "sequence": 7}}, False),
        ({"progress": {"attempt": 2, "sequence": 8}}, False),
        ({"progress": {"attempt": 1, "sequence": 999}}, True),
        ({"progress": {"attempt": 3, "sequence": 0}}, False),
        (ended("Complete", "True"), False),
        (ended("Failed", "True"), False),
        (ended("Failed", "False"), True),
        (refused(), True),  # its trainer runs, so this version accepts the spec
        (refused() | {"startTime": "2026-11-25T12:00:00Z"}, False),
        (ended("Suspended", "True"), True),
    ],
)
def test_report_is_newer_than_the_status(status: Any, expected: bool) -> None:  # noqa: FBT001
    assert is_newer(report(), CREATED, read_status(Status, status)) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, True),
        ({"progress": {"attempt": 2, "sequence": 9}}, True),  # from an earlier version
        ({"progress": {"attempt": 2, "sequence": 9, "podCreated": EARLIER}}, True),
        ({"progress": {"attempt": 2, "sequence": 1, "podCreated": CREATED}}, False),  # this trainer has a number now
        ({"progress": {"attempt": 2, "sequence": 1, "podCreated": LATER}}, False),  # a later trainer has a number
        ({"progress": {"attempt": 0, "sequence": 9, "podCreated": EARLIER}}, True),
        ({"progress": {"attempt": 0, "sequence": 2, "podCreated": CREATED}}, True),
        ({"progress": {"attempt": 0, "sequence": 3, "podCreated": CREATED}}, False),
        ({"progress": {"attempt": 0, "sequence": 1, "podCreated": LATER}}, False),
        (ended("Failed", "True"), False),
    ],
)
def test_report_without_attempt_number_is_newer(status: Any, expected: bool) -> None:  # noqa: FBT001
    assert is_newer(report(attempt=0, sequence=3, stage="Loading"), CREATED, read_status(Status, status)) is expected


@pytest.mark.parametrize(
    ("status", "changes", "seconds"),
    [
        (None, {}, 15.2),
        ({"progress": {"epoch": 2}}, {}, 15.2),
        ({"progress": {"epoch": 3}}, {}, None),
        (None, {"epoch": 0}, None),
        (None, {"secondsPerEpoch": None}, None),
        (None, {"secondsPerEpoch": 1e308}, None),
    ],
)
def test_epoch_seconds(status: Any, changes: Any, seconds: float | None) -> None:
    assert epoch_seconds(report(**changes), read_status(Status, status)) == seconds


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body: Invalid JSON"),
        (b"[1, 2]", "body: Input should be an object"),
        (b"\xff\xfe", "body: Invalid JSON"),
        (b"[" * 10000, "body: Invalid JSON"),
        (json.dumps(REPORT | {"stage": "Dreaming"}).encode(), "stage: Input should be"),
        (json.dumps(REPORT | {"epoch": -1}).encode(), "epoch: Input should be greater than or equal to 0"),
        (json.dumps(REPORT | {"attempt": 2**40}).encode(), "attempt: Input should be less than or equal to 2147483647"),
        (json.dumps(REPORT | {"metrics": {"loss": "low"}}).encode(), "metrics.loss: Input should be a valid number"),
        (json.dumps(REPORT | {"metrics": {"a\nb": 1}}).encode(), "metrics.a\nb.[key]: String should match pattern"),
        (
            json.dumps(REPORT | {"metrics": dict.fromkeys(map(str, range(65)), 1)}).encode(),
            "metrics: Dictionary should",
        ),
        (
            json.dumps({"sequence": "x" * 9999}).encode(),
            "attempt: Field required; sequence: Input should be a valid int",
        ),
        (json.dumps({"metrics": dict.fromkeys("abcdefgh", "?")}).encode(), "; and 7 more"),
    ],
)
def test_invalid_report_names_the_field(body: bytes, message: str) -> None:
    with pytest.raises(ReportError) as refusal:
        read_report(body)
    assert refusal.value.code == 422
    assert message in refusal.value.message
    assert len(refusal.value.message) <= 2048
    assert "xxxx" not in refusal.value.message


def test_valid_report_is_parsed() -> None:
    expected = report(metrics={"loss": 0.0368, "val_loss": "inf"})
    assert read_report(expected.model_dump_json().encode()) == expected


@given(st.binary() | st.lists(st.none() | st.text() | st.floats()).map(lambda value: json.dumps(value).encode()))
def test_arbitrary_body_is_refused(body: bytes) -> None:
    with pytest.raises(ReportError):
        read_report(body)


class Cluster(ByKind):
    """An API server with one TrainingJob, its trainer's pod, and another pod of the namespace."""

    def __init__(self) -> None:
        self.job = job()
        self.tokens = {
            "trainer": Identity("system:serviceaccount:vision:default", "vision", "mnist-x7k2p", "pod-uid"),
            "other": Identity("system:serviceaccount:vision:default", "vision", "other", "other-uid"),
            "unbound": Identity("system:serviceaccount:vision:default", "vision", "", ""),
        }
        self.asked: list[str] = []
        self.errors: list[ApiError] = []
        self.applied: list[dict[str, Any]] = []

    def _count(self, kind: str) -> None:
        self.asked.append(kind)
        if self.errors:
            raise self.errors.pop(0)

    async def create_token_review(self, review: Any) -> Any:
        self._count("token")
        return reviewed(review, self.tokens)

    async def get_pod(self, namespace: str, name: str) -> Any:
        self._count("pod")
        assert namespace == "vision"
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "mnist", "uid": "job-uid", "controller": True}
        return {
            "mnist-x7k2p": {
                "metadata": {"name": name, "uid": "pod-uid", "creationTimestamp": CREATED, "ownerReferences": [owner]}
            },
            "other": {"metadata": {"name": name, "uid": "other-uid", "creationTimestamp": CREATED}},
        }[name]

    async def get_job(self, namespace: str, name: str) -> Any:
        self._count("job")
        assert namespace == "vision"
        version, kind = "epochal.dev/v1alpha1", "TrainingJob"
        owner = {"apiVersion": version, "kind": kind, "name": "mnist", "uid": "tj-uid", "controller": True}
        return {"metadata": {"name": name, "uid": "job-uid", "ownerReferences": [owner]}}

    async def get_training_job(self, namespace: str, name: str) -> Any:
        self._count("get")
        assert (namespace, name) == ("vision", "mnist")
        return copy.deepcopy(self.job)

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        self._count("apply")
        assert (namespace, name, what["uid"], what["manager"]) == ("vision", "mnist", "tj-uid", "epochal-progress")
        assert what["resource_version"] == self.job["metadata"]["resourceVersion"]
        self.applied.append(what["status"])
        self.job["status"] = self.job.get("status", {}) | what["status"]
        return self.job


class Client:
    """A trainer that trusts the endpoint's authority."""

    def __init__(self, session: aiohttp.ClientSession, url: str, registry: CollectorRegistry) -> None:
        self.session = session
        self.url = url
        self.registry = registry

    async def send(
        self,
        body: Any = REPORT,
        *,
        token: str | None = "trainer",  # noqa: S107
        path: str = PATH,
        method: str = "POST",
        encoding: str | None = None,
        **options: Any,
    ) -> tuple[int, str, aiohttp.ClientResponse]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Content-Encoding": encoding} if encoding else {}
        data = body if isinstance(body, bytes) or hasattr(body, "__aiter__") else json.dumps(body)
        async with self.session.request(method, self.url + path, data=data, headers=headers, **options) as answer:
            text = await answer.text()
            message = json.loads(text)["message"] if answer.content_type == "application/json" else text
            return answer.status, message, answer

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def endpoint(
    cluster: Cluster, writes_per_second: float = 50.0, namespaces: tuple[str, ...] = ()
) -> AsyncIterator[Client]:
    registry = CollectorRegistry()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_bundle(context, BUNDLE)
    listener = listen(0, "127.0.0.1")
    made = ProgressEndpoint(cast("Kube", cluster), ReportMetrics(registry), writes_per_second, namespaces)
    server = Server(made.routes(), listener, context)
    port = listener.getsockname()[1]
    task = asyncio.create_task(server.run())
    await server.serving.wait()
    trust = ssl.create_default_context(cadata=BUNDLE.authority.decode())
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            yield Client(session, f"https://localhost:{port}", registry)
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    async with endpoint(cluster) as client:
        yield client


async def test_report_is_applied_to_the_status(cluster: Cluster, client: Client) -> None:
    assert (await client.send())[:2] == (200, "applied")
    status = Status.model_validate(cluster.job["status"])
    assert status.progress is not None
    assert (status.progress.attempt, status.progress.sequence, status.progress.epoch) == (2, 7, 3)
    assert status.progress.pod_created == CREATED
    assert status.metrics == {"loss": "0.0368", "val_loss": "nan"}
    assert client.count("epochal_progress_reports_total", code="200") == 1
    assert client.count("epochal_epoch_duration_seconds_sum") == 15.2


async def test_reports_of_an_unserved_namespace_are_refused_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    async with endpoint(cluster, namespaces=("speech",)) as client:
        with caplog.at_level(logging.WARNING):
            answers = [(await client.send(REPORT | {"sequence": sequence}))[:2] for sequence in (7, 8)]
    assert answers == [(403, "the namespace vision is not in watchNamespaces of Epochal's chart")] * 2
    assert cluster.asked == ["token"], "the operator may not read pods there"
    assert client.count("epochal_progress_reports_total", code="403") == 2
    assert len([line for line in caplog.messages if "namespace vision" in line]) == 1


async def test_reports_of_a_served_namespace_are_accepted() -> None:
    async with endpoint(Cluster(), namespaces=("speech", "vision")) as client:
        assert (await client.send())[0] == 200


async def test_loading_attempt_keeps_the_metrics(cluster: Cluster, client: Client) -> None:
    await client.send()
    await client.send({"attempt": 3, "sequence": 1, "stage": "Loading", "epochs": 10})
    status = Status.model_validate(cluster.job["status"])
    assert status.progress is not None
    assert (status.progress.attempt, status.progress.stage, status.progress.epoch) == (3, "Loading", 3)
    assert status.metrics == {"loss": "0.0368", "val_loss": "nan"}
    assert client.count("epochal_epoch_duration_seconds_count") == 1


async def test_next_report_needs_only_the_training_job(cluster: Cluster, client: Client) -> None:
    await client.send()
    cluster.asked.clear()
    assert (await client.send(REPORT | {"sequence": 8}))[0] == 200
    assert cluster.asked == ["get", "apply"]
    assert client.count("epochal_epoch_duration_seconds_count") == 1


@pytest.mark.parametrize(
    "status",
    [
        {"progress": {"attempt": 2, "sequence": 7}},
        {"progress": {"attempt": 3, "sequence": 0}},
        ended("Complete", "True"),
        ended("Failed", "True"),
    ],
    ids=["replayed", "of an older attempt", "after completion", "after failure"],
)
async def test_older_report_is_ignored(cluster: Cluster, client: Client, status: Any) -> None:
    cluster.job = job(status)
    code, message, _ = await client.send()
    assert (code, message) == (200, "ignored: the TrainingJob has ended, or its status has a newer report")
    assert cluster.applied == []


@pytest.mark.parametrize("token", [None, "forged", ""])
async def test_invalid_token_is_refused(cluster: Cluster, client: Client, token: str | None) -> None:
    code, _, answer = await client.send(token=token)
    assert (code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert cluster.applied == []
    assert client.count("epochal_progress_reports_total", code="401") == 1


@pytest.mark.parametrize(
    ("token", "path"),
    [
        ("other", PATH),
        ("unbound", PATH),
        ("trainer", progress_path("vision", "other")),
        ("trainer", progress_path("other", "mnist")),
        ("trainer", progress_path("vision", "..%2Fmnist")),
    ],
    ids=["another pod", "no pod", "another job", "another namespace", "a forged path"],
)
async def test_other_pod_is_refused(cluster: Cluster, client: Client, token: str, path: str) -> None:
    code, message, _ = await client.send(token=token, path=path)
    assert (code, message) == (403, "the pod must belong to this TrainingJob")
    assert "get" not in cluster.asked
    assert "apply" not in cluster.asked


@pytest.mark.parametrize("gone", [True, False])
async def test_deleted_and_replaced_job_have_the_same_refusal(cluster: Cluster, client: Client, gone: bool) -> None:  # noqa: FBT001
    cluster.job["metadata"]["uid"] = "a later TrainingJob of that name"
    await client.send()
    cluster.errors = [NotFound(404, "NotFound", "gone")] if gone else []
    code, message, _ = await client.send()
    assert (code, message) == (403, "the pod must belong to this TrainingJob")
    assert cluster.applied == []


async def test_response_to_an_invalid_report(cluster: Cluster, client: Client) -> None:
    code, message, _ = await client.send(REPORT | {"stage": "Dreaming"})
    assert code == 422
    assert message.startswith("stage: Input should be 'Loading', 'Training', 'Storing' or 'Done'")
    assert cluster.asked == ["token", "pod", "job"]


async def hang(*_: Any) -> Any:
    await asyncio.sleep(60)


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1024


async def trickle() -> AsyncIterator[bytes]:
    while True:
        yield b"x"
        await asyncio.sleep(0.05)


async def test_large_report_is_refused(client: Client) -> None:
    code, message, _ = await client.send(b" " * (MAX_REPORT_BYTES + 1))
    assert (code, message) == (413, "a report must fit in 65536 bytes")
    assert (await client.send(endless()))[0] == 413
    assert (await client.send(b" " * MAX_REPORT_BYTES))[0] == 422


async def test_slow_body_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_endpoint, "BODY_TIMEOUT_SECONDS", 0.2)
    assert (await client.send(trickle()))[0] == 408


async def test_compressed_body_is_not_decompressed(client: Client) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    code, message, _ = await client.send(bomb, encoding="gzip")
    assert (code, message[:18]) == (422, "body: Invalid JSON")


async def test_rate_limit_of_a_pod_has_retry_after(client: Client) -> None:
    answers = [await client.send(REPORT | {"sequence": number}) for number in range(8, 30)]
    codes = [code for code, _, _ in answers]
    assert codes[: progress_endpoint.BURST] == [200] * progress_endpoint.BURST
    assert set(codes) == {200, 429}
    late = next(answer for code, _, answer in answers if code == 429)
    assert late.headers["Retry-After"] == "1"
    assert (await client.send(token="other"))[0] == 403


@pytest.mark.parametrize("tokens", [[f"junk-{number}" for number in range(60)], ["junk"] * 60, [None] * 60])
async def test_refused_address_causes_no_token_reviews(
    cluster: Cluster, client: Client, tokens: list[str | None]
) -> None:
    assert (await client.send())[0] == 200
    codes = [(await client.send(token=token))[0] for token in tokens]
    assert set(codes) == {401, 429}
    # The rate limit allows one more request for each second that the test takes.
    assert codes.count(401) < progress_endpoint.REFUSAL_BURST + 20
    assert cluster.asked.count("token") <= 1 + codes.count(401)
    assert (await client.send(REPORT | {"sequence": 9}))[0] == 200, "a known token is accepted"


async def test_accepted_reports_do_not_count_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_endpoint, "REFUSAL_BURST", 1)
    cluster = Cluster()
    trainer = cluster.tokens["trainer"]
    cluster.tokens |= {f"trainer-{number}": trainer for number in range(5)}
    async with endpoint(cluster) as client:
        for number in range(5):
            assert (await client.send(REPORT | {"sequence": 8 + number}, token=f"trainer-{number}"))[0] == 200
        cluster.errors = [Unavailable(0, "TimeoutError", "no answer")]
        cluster.tokens["renewed"] = trainer
        assert (await client.send(token="renewed"))[0] == 503, "an error of the API server does not count either"
        with monkeypatch.context() as patched:
            patched.setattr(cluster, "create_token_review", hang)
            patched.setattr(progress_endpoint, "RESPONSE_TIMEOUT_SECONDS", 0.1)
            assert (await client.send(token="renewed"))[0] == 503
        assert (await client.send(REPORT | {"sequence": 20}, token="renewed"))[0] == 200


async def test_tokens_of_one_pod_share_its_rate_limit(cluster: Cluster, client: Client) -> None:
    cluster.tokens |= {f"trainer-{number}": cluster.tokens["trainer"] for number in range(80)}
    codes = [(await client.send(token=f"trainer-{number}"))[0] for number in range(80)]
    # The rate limits allow one more request for each second that the test takes.
    assert codes.count(200) <= progress_endpoint.BURST + 20
    assert cluster.asked.count("token") <= progress_endpoint.BURST + progress_endpoint.REFUSAL_BURST + 40


async def answer_to(client: Client, **changes: Any) -> dict[str, Any]:
    _, _, response = await client.send(REPORT | changes)
    answer: dict[str, Any] = json.loads(await response.text())
    return answer


async def test_answer_contains_the_delays(client: Client) -> None:
    delays = {"reportAfterSeconds": 5.0, "epochAfterSeconds": 0.0}
    assert await answer_to(client) == {"message": "applied", **delays, "finish": False}
    for number in range(8, 14):
        last = await answer_to(client, sequence=number)
    assert last["epochAfterSeconds"] == progress_endpoint.EPOCH_DELAY_SECONDS, "less than half of the burst is left"


@pytest.mark.parametrize(
    ("status", "reached"),
    [
        (None, 0),
        ({"progress": {"attempt": 2, "sequence": 6, "epoch": 3}}, 3),
        ({"progress": {"attempt": 2, "sequence": 6, "epoch": 3, "step": 1}}, 4),
        ({"progress": {"attempt": 3, "sequence": 1, "epoch": 1, "step": 9, "finishAfterEpoch": 4}}, 4),
    ],
)
async def test_answer_contains_finish_and_the_reached_epoch(
    cluster: Cluster, client: Client, status: Any, reached: int
) -> None:
    cluster.job = job(status) | {"spec": {"finish": True}}
    answer = await answer_to(client)
    assert (answer["finish"], answer["finishAfterEpoch"]) == (True, reached)
    cluster.job["spec"] = {"finish": False}
    answer = await answer_to(client, sequence=8)
    assert (answer["finish"], "finishAfterEpoch" in answer) == (False, False)
    cluster.job["spec"] = {"finish": True}
    answer = await answer_to(client, sequence=1)
    assert ("ignored" in answer["message"], answer["finish"]) == (True, True)


async def test_reports_over_the_budget_are_delayed() -> None:
    cluster = Cluster()
    async with endpoint(cluster, writes_per_second=0.1) as client:
        for number in range(7, 10):
            assert (await answer_to(client, sequence=number, step=number))["message"] == "applied"
        steps = await answer_to(client, sequence=10, step=10)
        assert "more reports than it may write" in steps["message"]
        assert (steps["reportAfterSeconds"], steps["epochAfterSeconds"]) == (pytest.approx(40, abs=1), 0.0)
        assert (await answer_to(client, sequence=11, stage="Storing"))["message"] == "applied"
        code, _, answer = await client.send(REPORT | {"sequence": 12, "stage": "Done"})
        news = json.loads(await answer.text())
        assert (code, answer.headers["Retry-After"], news["epochAfterSeconds"]) == (429, "15", 15.0)
    assert len(cluster.applied) == 4


async def test_number_of_metric_names_is_bounded(cluster: Cluster, client: Client) -> None:
    monster = {f"series_{number}": float(number) for number in range(64)}
    seen: set[str] = set()
    for scrape in range(4):
        figures = {f"{name}_{scrape}": value for name, value in monster.items()} | {"loss": 0.5}
        best = {"epoch": 1, "metric": f"best_{scrape}", "value": 0.1}
        changes: dict[str, Any] = {"sequence": 8 + 2 * scrape, "metrics": dict(list(figures.items())[-64:])}
        assert (await client.send(REPORT | changes | {"best": best, "test": monster}))[0] == 200
        seen |= set(cluster.job["status"]["metrics"])
        assert "best" not in cluster.applied[-1]
        await client.send(REPORT | {"sequence": 9 + 2 * scrape, "metrics": None})
    assert len(seen) == 64
    assert "loss" in seen


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", PATH, 405),
        ("PUT", PATH, 405),
        ("POST", "/", 404),
        ("POST", PATH + "/more", 404),
        ("GET", "/metrics", 404),
    ],
)
async def test_other_paths_and_methods(client: Client, method: str, path: str, expected: int) -> None:
    assert (await client.send(method=method, path=path))[0] == expected


async def test_conflict_is_retried(cluster: Cluster, client: Client) -> None:
    await client.send()
    cluster.asked.clear()
    # Meanwhile the leader wrote: the first apply is refused, as is the first one after reading again.
    conflict = Conflict(409, "Conflict", "the object has been modified")
    cluster.errors = [conflict]
    assert (await client.send(REPORT | {"sequence": 8}))[0] == 200
    assert cluster.asked == ["get", "get", "apply"]
    cluster.errors = [conflict] * progress_endpoint.MAX_ATTEMPTS
    code, _, answer = await client.send(REPORT | {"sequence": 9})
    assert (code, answer.headers["Retry-After"]) == (503, "2")


async def test_late_report_without_attempt_number_changes_nothing(cluster: Cluster, client: Client) -> None:
    late = {"attempt": 0, "sequence": 1, "stage": "Loading", "startStage": "BuildingNetwork", "epochs": 10}
    assert (await client.send(late))[:2] == (200, "applied")
    assert (await client.send())[:2] == (200, "applied")
    before = copy.deepcopy(cluster.job["status"])
    for created in (CREATED, LATER):  # of this attempt, and of one whose pod was created later
        cluster.job["status"]["progress"]["podCreated"] = created
        code, message, _ = await client.send(late | {"sequence": 2})
        assert (code, message.split(":")[0]) == (200, "ignored")
    assert cluster.job["status"] == before | {"progress": before["progress"] | {"podCreated": LATER}}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"podCreated": CREATED}, (200, "ignored: the TrainingJob has ended, or its status has a newer report")),
        ({}, (503, "the write of the status conflicted: try again")),  # by an earlier version, or with its CRD
    ],
)
async def test_conflict_of_a_report_without_attempt_number(
    cluster: Cluster,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    written: dict[str, str],
    expected: tuple[int, str],
) -> None:
    apply = cluster.apply_status

    async def apply_late(*args: Any, **what: Any) -> Any:
        """Let another replica apply the next report of the trainer first."""
        monkeypatch.setattr(cluster, "apply_status", apply)
        cluster.job["status"] = {"progress": {"attempt": 1, "sequence": 2, "stage": "Training"} | written}
        raise Conflict(409, "Conflict", "the object has been modified")

    monkeypatch.setattr(cluster, "apply_status", apply_late)
    code, message, _ = await client.send({"attempt": 0, "sequence": 1, "stage": "Loading", "epochs": 10})
    assert (code, message) == expected
    assert cluster.job["status"]["progress"]["stage"] == "Training"


@pytest.mark.parametrize(
    "error",
    [Unavailable(0, "TimeoutError", "no answer"), Forbidden(403, "Forbidden", "RBAC"), ApiError(418, "", "tea")],
)
async def test_error_of_the_api_server_is_a_503(
    cluster: Cluster, client: Client, error: ApiError, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in ("token", "pod", "get"):
        cluster.errors = [error]
        code, message, answer = await client.send()
        assert (code, answer.headers["Retry-After"]) == (503, "2")
        assert message == "the operator's request to the API server failed: try again"
        cluster.asked.clear()
        await client.send()
    assert str(error) in caplog.text


async def test_slow_api_server_is_a_503(cluster: Cluster, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_endpoint, "RESPONSE_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(cluster, "get_training_job", hang)
    assert (await client.send())[0] == 503


async def test_status_that_the_api_server_refuses_is_a_422(cluster: Cluster, client: Client) -> None:
    await client.send()
    cluster.errors = [Invalid(422, "Invalid", "status.metrics: Too long")]
    code, message, _ = await client.send(REPORT | {"sequence": 8})
    assert (code, message) == (422, "the API server refuses the status of this report: status.metrics: Too long")


async def test_tokens_are_not_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for token in ("trainer", "other", "forged"):
        await client.send(token=token)
    assert "Bearer" not in caplog.text
    assert "forged" not in caplog.text


async def test_disconnected_client_is_no_error(
    cluster: Cluster, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await client.send(trickle(), timeout=aiohttp.ClientTimeout(total=0.2))
    await asyncio.sleep(0.1)
    assert (await client.send())[0] == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_earlier_crd_stores_its_known_fields(caplog: pytest.LogCaptureFixture) -> None:
    known = copy.deepcopy(schema(TrainingJob)["properties"]["status"])
    del known["properties"]["progress"]["properties"]["metricNames"]
    cluster = Cluster()
    async with FakeApiServer("vision", objects=Objects("vision", statuses={"trainingjobs": known})) as server:
        server.objects.create("trainingjobs", "vision", cluster.job)
        kube = Kube(Transport(server.client()))

        async def apply(_: Resource, namespace: str, name: str, **what: Any) -> Any:
            live = server.objects.get("trainingjobs", namespace, name)["metadata"]
            what |= {"uid": live["uid"], "resource_version": live["resourceVersion"]}
            cluster.job["status"] = (await kube.apply_status(TRAINING_JOBS, namespace, name, **what))["status"]
            return cluster.job

        cluster.apply_status = apply  # type: ignore[method-assign]
        async with endpoint(cluster) as client:
            for sequence in (7, 8):
                assert (await client.send(REPORT | {"sequence": sequence}))[:2] == (200, "applied")
    assert cluster.job["status"]["metrics"] == {"loss": "0.0368", "val_loss": "nan"}
    assert "metricNames" not in cluster.job["status"]["progress"]
    assert caplog.text.count("upgrade the CRD") == 1
