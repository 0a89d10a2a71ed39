"""The client of the cluster: objects, pages, patches, and errors with a remedy."""

import json
from pathlib import Path
from typing import Any

import pytest
from epochal.client.failures import MAX_CAUSES, AnswerTooLarge, ApiError, refused
from epochal.client.kinds import EXPERIMENTS, PODS, TRAINING_JOBS
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

from tests.kit.fake.faults import Fault
from tests.unit.cli.api_server import ClusterInMemory


def job(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": spec,
    }


def test_an_object_is_created_read_changed_and_deleted(cluster: ClusterInMemory) -> None:
    client = cluster.connect()
    assert client.namespace == "vision"
    client.create(TRAINING_JOBS, job("mnist", suspend=False))
    client.patch(TRAINING_JOBS, "mnist", {"spec": {"suspend": True}})
    found = client.get(TRAINING_JOBS, "mnist")
    assert (found["spec"], found["metadata"]["namespace"]) == ({"suspend": True}, "vision")
    assert found["metadata"]["managedFields"][0]["manager"] == "epochal-command"
    client.delete(TRAINING_JOBS, "mnist", uid=found["metadata"]["uid"])
    assert client.list(TRAINING_JOBS) == []


def test_a_change_for_an_older_version_is_a_conflict(cluster: ClusterInMemory) -> None:
    client = cluster.connect()
    version = client.create(TRAINING_JOBS, job("mnist"))["metadata"]["resourceVersion"]
    client.patch(TRAINING_JOBS, "mnist", {"spec": {"suspend": True}}, resource_version=version)
    with pytest.raises(ApiError, match="cannot change TrainingJob vision/mnist") as caught:
        client.patch(TRAINING_JOBS, "mnist", {"spec": {"suspend": False}}, resource_version=version)
    assert (caught.value.exit_code, caught.value.reason) == (ExitCode.REFUSED, "Conflict")


def test_an_object_is_applied(cluster: ClusterInMemory) -> None:
    client = cluster.connect()
    client.apply(TRAINING_JOBS, job("mnist", suspend=True))
    client.apply(TRAINING_JOBS, job("mnist", finish=True))
    assert client.get(TRAINING_JOBS, "mnist")["spec"] == {"finish": True}


def test_a_list_has_all_pages_and_starts_again_when_they_expire(cluster: ClusterInMemory) -> None:
    for number in range(1100):
        cluster.objects.create("trainingjobs", "vision", job(f"job-{number}"))
    cluster.objects.create("trainingjobs", "default", job("other"))
    client = cluster.connect()
    assert len(client.list(TRAINING_JOBS)) == 1100
    cluster.server.asked.clear()
    once = Fault("list", "trainingjobs", meanwhile=lambda: setattr(cluster.objects, "compacted", 10**6), times=2)
    cluster.server.faults.append(once)
    cluster.objects.listeners.add(lambda: None)
    with pytest.raises(ApiError, match="continue parameter"):
        client.list(TRAINING_JOBS, all_namespaces=True)
    assert len(cluster.server.asked) == 6, "three tries of two pages"


def test_a_page_that_is_too_large_is_read_in_smaller_ones(cluster: ClusterInMemory) -> None:
    for number in range(20):
        cluster.objects.create("trainingjobs", "vision", job(f"job-{number}", text="a" * 1000))
    client = cluster.connect()
    held: list[int] = []
    client._transport._max_answer, client._transport._reserve = 8000, held.append
    assert len(client.list(TRAINING_JOBS)) == 20
    assert len(client.list(TRAINING_JOBS, most=3)) == 3
    assert len(client.names(TRAINING_JOBS)) == 20
    assert sum(held) < 70_000, "answers that are too large count no more"
    client._transport._max_answer = 500
    with pytest.raises(AnswerTooLarge, match="the answer has more than"):
        client.list(TRAINING_JOBS)


def test_an_object_that_is_too_large(cluster: ClusterInMemory) -> None:
    cluster.objects.create("trainingjobs", "vision", job("mnist", text="a" * 5000))
    client = cluster.connect()
    client._transport._max_object = 4096
    message = "cannot get TrainingJob vision/mnist: the object has more than 4 KiB"
    with pytest.raises(AnswerTooLarge, match=message) as caught:
        client.get(TRAINING_JOBS, "mnist")
    assert "kubectl get" in caught.value.remedy


def test_objects_by_name_and_label(cluster: ClusterInMemory) -> None:
    cluster.objects.create("pods", "vision", {"metadata": {"name": "a", "labels": {"run": "1"}}})
    cluster.objects.create("pods", "vision", {"metadata": {"name": "b"}})
    client = cluster.connect()
    assert [pod["metadata"]["name"] for pod in client.list(PODS, selector="run=1")] == ["a"]
    assert [pod["kind"] for pod in client.list(PODS, name="b")] == ["Pod"]


@pytest.mark.parametrize(
    ("status", "exit_code", "words"),
    [
        (401, ExitCode.REFUSED, "Log in"),
        (403, ExitCode.REFUSED, "Ask an administrator"),
        (409, ExitCode.REFUSED, "Another client has changed"),
        (422, ExitCode.REFUSED, "epochal check"),
        (500, ExitCode.REFUSED, "injected"),
        (503, ExitCode.NO_CONNECTION, "Repeat"),
    ],
)
def test_a_refusal_has_a_remedy(
    cluster: ClusterInMemory,
    status: int,
    exit_code: ExitCode,
    words: str,
) -> None:
    cluster.server.faults.append(Fault(status=status, message="injected\x1b[31m"))
    with pytest.raises(EpochalError) as caught:
        cluster.connect().list(EXPERIMENTS)
    assert caught.value.exit_code == exit_code
    assert "cannot list experiments of namespace vision: injected [31m" in str(caught.value)
    assert words in str(caught.value)


def test_a_refusal_has_the_fields(cluster: ClusterInMemory) -> None:
    causes = {"spec.training.epochs": "Invalid value: 0\x1b[31m", **{f"spec.f{n}": "Required value" for n in range(40)}}
    cluster.server.faults.append(Fault(status=422, causes=causes))
    with pytest.raises(ApiError) as caught:
        cluster.connect().create(TRAINING_JOBS, job("mnist"))
    assert caught.value.causes[0] == ("spec.training.epochs", "Invalid value: 0 [31m")
    assert len(caught.value.causes) == MAX_CAUSES
    assert not caught.value.is_rule
    cluster.server.faults[0].message = "policy p denied request: no"
    with pytest.raises(ApiError) as caught:
        cluster.connect().create(TRAINING_JOBS, job("mnist"))
    assert caught.value.is_rule


@pytest.mark.parametrize("details", [None, 1, [], {}, {"causes": None}, {"causes": [1, None]}])
def test_a_refusal_with_other_details(details: object) -> None:
    body = json.dumps({"kind": "Status", "message": "no", "details": details}).encode()
    assert list(refused(422, body, "create it").causes) == []
    body = json.dumps({"kind": "Status", "details": {"causes": [{"field": None}]}}).encode()
    assert list(refused(422, body, "create it").causes) == [("", "")]


def test_an_object_is_replaced_for_its_version(cluster: ClusterInMemory) -> None:
    client = cluster.connect()
    first = client.create(TRAINING_JOBS, job("mnist", suspend=True, finish=True))
    wanted = {**first, "spec": {"suspend": False}}
    assert client.replace(TRAINING_JOBS, wanted, dry_run=True)["spec"] == {"suspend": False}
    assert client.get(TRAINING_JOBS, "mnist") == first
    assert client.replace(TRAINING_JOBS, wanted)["metadata"]["generation"] == 2
    assert client.get(TRAINING_JOBS, "mnist")["spec"] == {"suspend": False}
    with pytest.raises(ApiError, match="cannot change TrainingJob vision/mnist") as caught:
        client.replace(TRAINING_JOBS, wanted)
    assert caught.value.reason == "Conflict"


def test_a_missing_object(cluster: ClusterInMemory) -> None:
    with pytest.raises(EpochalError, match="cannot get TrainingJob vision/mnist") as caught:
        cluster.connect().get(TRAINING_JOBS, "mnist")
    assert caught.value.exit_code == ExitCode.NOT_FOUND


def test_a_delayed_request_is_sent_again(cluster: ClusterInMemory) -> None:
    cluster.server.faults.append(Fault(status=429, retry_after=1, times=2))
    assert cluster.connect().list(TRAINING_JOBS) == []
    assert len(cluster.server.asked) == 3


@pytest.mark.parametrize("name", ["..", ".", "a/b", "A", "", "a?b", "x" * 254])
def test_a_name_cannot_change_the_path(cluster: ClusterInMemory, name: str) -> None:
    if name:
        with pytest.raises(EpochalError, match="is no name of a TrainingJob"):
            cluster.connect().get(TRAINING_JOBS, name)
    with pytest.raises(EpochalError):
        cluster.connect(namespace=name or "x/y").get(TRAINING_JOBS, "a")
    assert cluster.server.asked == []


def test_no_connection(cluster: ClusterInMemory, tmp_path: Path) -> None:
    config = Path(cluster.variables["KUBECONFIG"])
    config.write_text(config.read_text().replace(cluster.server.address, "http://127.0.0.1:1"))
    with pytest.raises(
        EpochalError, match=r"no connection to the API server http://127\.0\.0\.1:1: .*refused"
    ) as caught:
        cluster.connect().list(TRAINING_JOBS)
    assert caught.value.exit_code == ExitCode.NO_CONNECTION
