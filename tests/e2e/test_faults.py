"""Faults of the cluster, of the storage and of the operator: nothing is lost.

One try each of what `make faults` tries more often, beside what is no matter of resuming.
"""

import io
import os
import signal
from collections.abc import Iterator

import pytest
from minio import Minio

from tests.faults import of_cluster, of_storage
from tests.faults.measure import bed, measure, once
from tests.faults.of_operator import OperatorKills
from tests.faults.scenario import Tryable
from tests.faults.table import Row
from tests.kit import operator
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import apply, get, kubectl, wait

LEASE_SECONDS = 15
STORAGE = ("away before the download", "away during training", "away during the upload", "full during training")
FAULTS: tuple[Tryable, ...] = (
    *(once(scenario) for scenario in of_cluster.SCENARIOS if scenario.name != "node loss"),  # it takes two minutes
    *(once(scenario) for scenario in of_storage.SCENARIOS if scenario.name.removeprefix("storage ") in STORAGE),
    OperatorKills(jobs=3, kills=5),
)


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[str, Row]]:
    with bed("e2e-faults-bed", epochs=10) as where:
        yield {row.name: row for row in measure(FAULTS, where, lanes=3)}


@pytest.mark.parametrize("fault", [scenario.name for scenario in FAULTS])
def test_it_is_survived_without_a_trace(rows: dict[str, Row], fault: str) -> None:
    rows[fault].check()


def pod_uid(namespace: Namespace, pod: str) -> str:
    uid: str = get("pod", pod, namespace=namespace.name)["metadata"]["uid"]
    return uid


def crash(namespace: Namespace, name: str) -> str:
    """Kills a job's trainer as a fault of its own would and returns its pod."""
    pod = namespace.running_pod(name)
    os.kill(operator.process_of(pod_uid(namespace, pod)), signal.SIGKILL)
    return pod


def test_crashes_beyond_the_limit_fail_the_job(namespace: Namespace) -> None:
    namespace.apply(digits("crashes", backoffLimit=0, training__epochs=100_000, training__callbacks=[]))
    namespace.wait_epoch(1, "crashes")
    crash(namespace, "crashes")
    assert namespace.finish("crashes", seconds=60)["state"] == "Failed"
    failed = namespace.condition("Failed", "crashes")
    assert "137" in failed["message"], failed
    assert "estimatedCompletionTime" not in namespace.status("crashes")["progress"]


@pytest.fixture
def _operator_away() -> Iterator[None]:
    operator.scale(0)
    yield
    operator.scale(1)


def test_a_quota_that_keeps_the_next_pod_away_is_told_and_waited_for(namespace: Namespace) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    namespace.apply(digits("refused", training__epochs=40, training__callbacks=[]))
    namespace.wait_epoch(1, "refused")
    apply(quota, namespace=namespace.name)
    crash(namespace, "refused")
    wait("the reason", lambda: namespace.condition("Ready", "refused").get("reason") == "PodRefused", seconds=90)
    assert "exceeded quota: none" in namespace.condition("Ready", "refused")["message"]
    kubectl("delete", "resourcequota", "none", "--namespace", namespace.name)
    namespace.complete("refused")
    assert namespace.warnings("refused") == ["PodRefused", "Restarting"]


def test_an_attempt_that_was_given_up_ends_and_the_next_goes_on(namespace: Namespace, store: Minio) -> None:
    namespace.apply(digits("given-up", backoffLimit=0, training__epochs=60, training__callbacks=[]))
    namespace.wait_epoch(1, "given-up")
    bucket, _, folder = namespace.status("given-up")["results"]["uri"].removeprefix("s3://").partition("/")
    store.put_object(bucket, f"{folder}attempts/7.json", io.BytesIO(b"{}"), 2)
    assert namespace.complete("given-up")["progress"]["attempt"] == 8
    restarts = [event for event in namespace.events("given-up") if event["reason"] == "Restarting"]
    assert len(restarts) == 1, restarts


def test_an_operator_away_for_a_jobs_whole_life_tells_the_same_once_back(namespace: Namespace) -> None:
    namespace.apply(digits("orphan"), digits("beside"))
    for name in ("orphan", "beside"):
        wait(f"the Job of {name}", lambda name=name: namespace.status(name).get("jobName"), seconds=20)  # type: ignore[misc]
    operator.scale(0)
    try:
        for name in ("orphan", "beside"):
            kubectl("wait", "--for=condition=Complete", f"job/{name}", "--namespace", namespace.name, "--timeout=180s")
    finally:
        operator.scale(1)
    status = namespace.complete("orphan", seconds=30)
    beside = namespace.complete("beside", seconds=30)
    assert status["test"] == beside["test"]
    assert status["progress"]["stage"] == "Done"
    assert status["progress"]["epoch"] > 0
    assert status["results"]["model"].endswith("model.keras")


@pytest.mark.usefixtures("_operator_away")
def test_a_job_applied_while_the_operator_is_away_waits_for_it(namespace: Namespace) -> None:
    namespace.apply(digits("early", training__epochs=1))
    assert namespace.status("early") == {}
    operator.scale(1)
    namespace.complete("early")


def test_two_replicas_have_one_leader_and_lose_nothing(namespace: Namespace) -> None:
    operator.scale(2)
    try:
        namespace.apply(digits("paired", training__epochs=60, training__callbacks=[]))
        namespace.wait_epoch(1, "paired")
        lease = get("lease", "epochal", namespace=operator.NAMESPACE)
        leader = lease["spec"]["holderIdentity"]
        assert leader in operator.pods()
        (follower,) = set(operator.pods()) - {leader}
        kubectl("delete", "pod", leader, "--namespace", operator.NAMESPACE, "--wait=false")

        def successor() -> str | None:
            holder: str = get("lease", "epochal", namespace=operator.NAMESPACE)["spec"]["holderIdentity"]
            return None if holder in {"", leader} else holder

        # Given back, not run out; the pod that replaces the leader comes too late to be the next.
        assert wait("another leader", successor, seconds=LEASE_SECONDS) == follower
        status = namespace.complete("paired")
        assert (status["progress"]["epoch"], status["attempt"]) == (60, 1)
    finally:
        operator.scale(1)
