"""Faults of the API server, and an operator that is cut off, stopped or replaced: no work is lost or done twice."""

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cluster import component
from tests.kit import operator
from tests.kit.audit import Audit
from tests.kit.jobs import WAITING, Namespace, digits
from tests.kit.kubectl import get, items, kubectl, wait
from tests.kit.process import Process, installed_away, token
from tests.kit.proxy import Proxy

pytestmark = pytest.mark.alone

NOWHERE: dict[str, Any] = {"scheduling__nodeSelector": {"kubernetes.io/hostname": "nowhere"}}
"""A job that gets its Job and its pod, and needs no more of the machine."""
CALM_SECONDS = 120
LEASE_SECONDS = 30
ROUNDS = 5


@pytest.fixture(scope="module", autouse=True)
def _installed_away() -> Iterator[None]:
    with installed_away():
        yield


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(seed=4) as proxy:
        yield proxy


@pytest.fixture
def audit(namespace: Namespace) -> Iterator[Audit]:
    with Audit(namespace.name) as audit:
        yield audit


def process(proxy: Proxy, folder: Path, name: str = "first", **options: Any) -> Process:
    kubeconfig = proxy.kubeconfig(folder / f"{name}.kubeconfig", token())
    return Process(kubeconfig, folder / f"{name}.log", name=name, **options)


@pytest.fixture
def first(proxy: Proxy, tmp_path: Path) -> Iterator[Process]:
    with process(proxy, tmp_path) as first:
        first.wait_leads()
        yield first
        assert first.exceptions() == []


@pytest.fixture
def second(tmp_path: Path) -> Iterator[tuple[Process, Proxy]]:
    """Another replica, with a way of its own to the API server."""
    with Proxy() as proxy, process(proxy, tmp_path, "second", ports={"metrics": 8081, "progress": 8444}) as second:
        wait("the second replica to serve", lambda: second.metric("epochal_leader") is not None, seconds=30)
        yield second, proxy
        assert second.exceptions() == []


def holder() -> str:
    found: str = get("lease", "epochal", namespace=operator.NAMESPACE)["spec"]["holderIdentity"]
    return found


def queued(namespace: Namespace, name: str) -> bool:
    return namespace.condition("Ready", name).get("reason") == "NoMatchingNode"


def run_jobs(namespace: Namespace, process: Process, prefix: str) -> None:
    """Creates jobs, starts, suspends and deletes some, and waits until the operator has followed."""
    names = [f"{prefix}-{number}" for number in range(4)]
    namespace.apply(*(digits(name, suspend=True, **NOWHERE) for name in names))
    for name in names:
        namespace.wait_state("Suspended", name=name, seconds=CALM_SECONDS)
    for name in names[:2]:
        namespace.patch({"suspend": False}, name)
    for name in names[:2]:
        wait(f"{name} to be queued", lambda name=name: queued(namespace, name), seconds=CALM_SECONDS)  # type: ignore[misc]
    namespace.patch({"suspend": True}, names[0])
    kubectl("delete", "tj", *names[2:], "--namespace", namespace.name)
    namespace.wait_state("Suspended", name=names[0], seconds=CALM_SECONDS)
    known = partial(process.training_jobs, namespace.name)
    wait("the operator to export them", lambda: known() >= set(names[:2]), seconds=CALM_SECONDS)
    kubectl("delete", "tj", *names[:2], "--namespace", namespace.name)

    def left() -> set[str]:
        jobs = {job["metadata"]["name"] for job in items("jobs", namespace=namespace.name)}
        return (jobs | known()) & set(names)

    wait("nothing to be left of them", lambda: not left(), seconds=CALM_SECONDS)


TROUBLE: dict[str, dict[str, Any]] = {
    "refusals": {"refuse": dict.fromkeys((409, 429, 500, 503), 0.1)},
    "slow answers": {"delay": (0.3, 1.2)},
    "no answer": {"hang": 0.1},
    "answers that break off": {"drop": 0.3},
    "watches that break off": {"cut": (0.1, 1.0)},
    "watches that have expired, are gone or end with an error": {
        "cut": (0.3, 1.5),
        **dict.fromkeys(("expired", "gone", "broken"), 0.25),
    },
}


def test_the_operator_survives_faults_of_the_api_server(
    namespace: Namespace, audit: Audit, proxy: Proxy, first: Process
) -> None:
    for number, (name, faults) in enumerate(TROUBLE.items()):
        since = len(proxy.calls)
        missing = {*faults} - {"refuse"} | {f"refuse {status}" for status in faults.get("refuse", ())}
        with proxy.trouble(**faults):
            if "cut" in faults:
                proxy.cut_watches()
            # The faults are random: a round may have too few requests for one of each.
            for attempt in range(ROUNDS):
                run_jobs(namespace, first, f"trouble-{number}-{attempt}")
                missing -= {call.fault for call in proxy.calls[since:]}
                if not missing:
                    break
            else:
                pytest.fail(f"{name}: not injected in {len(proxy.calls) - since} requests: {missing}")
        assert not first.ended(), name
        assert audit.faults == [], name
    wait("the operator to lead when all is well", first.leads, seconds=30)


def test_a_training_completes_under_all_faults_at_once(
    namespace: Namespace, audit: Audit, proxy: Proxy, first: Process
) -> None:
    faults: dict[str, Any] = {
        "refuse": {409: 0.05, 429: 0.05, 500: 0.05, 503: 0.05},
        "delay": (0, 0.3),
        "drop": 0.05,
        "cut": (1, 5),
        "expired": 0.2,
        "gone": 0.2,
        "broken": 0.1,
    }
    with proxy.trouble(**faults):
        proxy.cut_watches()
        namespace.apply(digits("all", training__epochs=20, training__callbacks=[]))
        namespace.complete("all")
    status = namespace.status("all")
    assert (status["progress"]["epoch"], status["attempt"]) == (20, 1)
    audit.wait_version("all", namespace.job("all")["metadata"]["resourceVersion"])
    audit.assert_clean()


def test_an_operator_without_a_network_loses_the_lease_and_leads_again_later(
    namespace: Namespace, audit: Audit, proxy: Proxy, first: Process
) -> None:
    namespace.apply(digits("before", **WAITING))
    namespace.wait_state("Queued", name="before", seconds=CALM_SECONDS)
    with proxy.away():
        # Its writes end with the lease; the metric changes once its work is stopped.
        wait("it to lead no longer", lambda: first.metric("epochal_leader") == 0, seconds=2 * LEASE_SECONDS)
        namespace.apply(digits("meanwhile", **WAITING))
        kubectl("delete", "tj", "before", "--namespace", namespace.name)
        time.sleep(2)
    first.wait_leads(seconds=20)
    namespace.wait_state("Queued", name="meanwhile", seconds=20)
    assert not first.ended()
    audit.assert_clean()


def test_a_paused_leader_writes_nothing_after_it_lost_the_lease(
    namespace: Namespace, audit: Audit, proxy: Proxy, first: Process, second: tuple[Process, Proxy]
) -> None:
    namespace.apply(*(digits(f"early-{number}", suspend=True, **NOWHERE) for number in range(3)))
    for number in range(3):
        namespace.wait_state("Suspended", name=f"early-{number}", seconds=CALM_SECONDS)
    first.signal(signal.SIGSTOP)
    # Changes that the successor has already handled when the paused leader runs again.
    namespace.apply(*(digits(f"late-{number}", **WAITING) for number in range(3)))
    namespace.patch({"suspend": False}, "early-0")
    second[0].wait_leads(seconds=2 * LEASE_SECONDS)
    for number in range(3):
        namespace.wait_state("Queued", name=f"late-{number}", seconds=CALM_SECONDS)
    wait("early-0 to be queued", lambda: queued(namespace, "early-0"), seconds=CALM_SECONDS)
    kubectl("delete", "tj", "late-0", "early-1", "--namespace", namespace.name)
    asked = len(proxy.calls)
    first.signal(signal.SIGCONT)
    wait("the sleeper to see that it does not lead", lambda: first.metric("epochal_leader") == 0, seconds=10)
    time.sleep(3)
    # Its lease update is refused, since the lease has changed; any replica accepts reports; there are no other writes.
    written = [call for call in proxy.calls[asked:] if call.method != "GET" and "tokenreviews" not in call.path]
    assert [
        call for call in written if call.query.get("fieldManager") != "epochal-progress" and call.status < 400
    ] == []
    assert holder() == second[0].identity
    audit.assert_clean()


def test_sigterm_hands_the_lease_over_at_once(
    namespace: Namespace, audit: Audit, first: Process, second: tuple[Process, Proxy]
) -> None:
    assert holder() == first.identity
    began = time.monotonic()
    assert first.stop() == 0
    second[0].wait_leads(seconds=10)
    took = time.monotonic() - began
    namespace.apply(digits("followed", **WAITING))
    namespace.wait_state("Queued", name="followed", seconds=CALM_SECONDS)
    assert took < 5
    audit.assert_clean()


def test_a_killed_leader_leads_again_after_its_restart(
    namespace: Namespace, audit: Audit, first: Process, second: tuple[Process, Proxy]
) -> None:
    namespace.apply(digits("killed", **WAITING))
    first.kill()
    first.start()
    first.wait_leads()
    namespace.wait_state("Queued", name="killed", seconds=CALM_SECONDS)
    assert not second[0].leads()
    audit.assert_clean()


@pytest.mark.parametrize("name", ["kube-apiserver", "etcd"])
def test_a_component_that_is_restarted_loses_nothing(
    namespace: Namespace, audit: Audit, first: Process, name: str
) -> None:
    namespace.apply(digits(f"{name}-before", suspend=True, **NOWHERE))
    component("restart", name)
    namespace.apply(digits(f"{name}-after", **WAITING))
    for when, state in (("before", "Suspended"), ("after", "Queued")):
        namespace.wait_state(state, name=f"{name}-{when}", seconds=CALM_SECONDS)
    namespace.patch({"suspend": False}, f"{name}-before")
    wait("it to be queued", lambda: queued(namespace, f"{name}-before"), seconds=CALM_SECONDS)
    assert not first.ended()
    audit.assert_clean()
