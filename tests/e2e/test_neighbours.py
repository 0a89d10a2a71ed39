"""A fault in one namespace does not disturb other namespaces."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.kit import apiserver, buckets, operator
from tests.kit.jobs import WAITING, Namespace, digits
from tests.kit.kubectl import apply, items, kubectl, wait

JOBS = 20
DEEP = 9_900
SOON_SECONDS = 30
HELD_UP_SECONDS = 240
HUNG = "e2e-neighbours-hung"


@pytest.fixture
def hung() -> Iterator[Namespace]:
    kubectl("delete", "namespace", HUNG, "--ignore-not-found", "--wait")
    apply(*buckets.namespace_with_credentials(HUNG, *buckets.credentials()))
    yield Namespace(HUNG)
    kubectl("delete", "namespace", HUNG, "--wait=false")


@contextmanager
def hanging(namespace: str) -> Iterator[None]:
    """Registers a webhook for all Events of a namespace whose server accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        versions: Any = {"apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["events"]}
        hook = {
            "name": "hangs.epochal.test",
            "clientConfig": {"url": url},
            "rules": [versions | {"apiGroups": ["", "events.k8s.io"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": 30,
            "admissionReviewVersions": ["v1"],
        }
        about = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
        apply(about | {"metadata": {"name": namespace}, "webhooks": [hook]})
        try:
            yield
        finally:
            kubectl("delete", "validatingwebhookconfiguration", namespace)


def waiting(prefix: str, count: int) -> dict[str, Any]:
    return {name: digits(name, **WAITING) for name in (f"{prefix}-{number}" for number in range(count))}


def test_hanging_events_in_a_namespace_delay_no_other_namespace(namespace: Namespace, hung: Namespace) -> None:
    held_up, others = waiting("held-up", 12), waiting("beside", 3)
    with hanging(hung.name):
        hung.apply(*held_up.values())
        wait("its first Job", lambda: items("jobs", namespace=hung.name), seconds=SOON_SECONDS)
        namespace.apply(*others.values())
        for name in others:
            namespace.wait_state("Queued", name=name, seconds=SOON_SECONDS)
        # Its own jobs get their status, although no Event can be written.
        for name in held_up:
            hung.wait_state("Queued", name=name, seconds=HELD_UP_SECONDS)


def deep(name: str, depth: int) -> str:
    """Returns a TrainingJob with an argument that is nested deeper than many JSON parsers can read."""
    job = digits(name, suspend=True, network__layers=[{"layer": "Dense", "units": 10, "bias_initializer": "DEEP"}])
    return json.dumps(job).replace('"DEEP"', "[" * depth + "]" * depth)


def wait_state(namespace: Namespace, state: str, name: str) -> None:
    """Waits for the state of a TrainingJob without parsing its JSON."""
    poll = ("get", "tj", name, "--namespace", namespace.name, "--output=jsonpath={.status.state}")
    wait(f"{name} to be {state}", lambda: kubectl(*poll) == state, seconds=SOON_SECONDS)


def test_a_deeply_nested_job_fails_and_delays_no_other_job(namespace: Namespace) -> None:
    before = operator.restarts()
    others = waiting("shallow", JOBS)
    first, *rest = others.values()
    namespace.apply(first)
    path = apiserver.path("trainingjobs", namespace=namespace.name)
    refused = {f"deep-{depth}": depth for depth in (1_500, DEEP)}
    for name, depth in refused.items():
        kubectl("create", "--raw", path, "--filename", "-", stdin=deep(name, depth))
    try:
        namespace.apply(*rest)
        for name in others:
            wait_state(namespace, "Queued", name)
        for name in refused:
            wait_state(namespace, "Failed", name)
            words = "--output=jsonpath={.status.conditions[?(@.type=='Failed')].message}"
            message = kubectl("get", "tj", name, "--namespace", namespace.name, words)
            assert "spec.network" in message
            assert "nested" in message
    finally:
        kubectl("delete", "tj", *refused, "--namespace", namespace.name)
    assert operator.restarts() == before
