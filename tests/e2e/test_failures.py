"""A user's mistake fails once, with a reason of its own and a remedy.

One of each way that a trainer ends. All that can be wrong, and what is said of it, is in the trainer's own tests; what
S3 servers answer is in test_storage.py; what is hostile, or too large, is in test_security_input.py.
"""

import io
import json
from typing import Any

import numpy as np
import pytest
from minio import Minio

from tests.kit import buckets
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, apply, get, kubectl, wait

BAD = "bad-data"


@pytest.fixture(scope="module", autouse=True)
def _bad_data(store: Minio, namespace: Namespace) -> None:
    buckets.fill(store, BAD, [])
    file = io.BytesIO()
    np.savez(file, x=np.zeros((100, 8, 8), np.uint8), y=np.arange(100, dtype=np.uint8) % 10 + 5)
    content = file.getvalue()
    store.put_object(BAD, "out-of-range.npz", io.BytesIO(content), len(content))
    secret = buckets.secret("wrong-credentials", "epochal-root", "not-the-secret")
    default = {"type": "Container", "default": {"memory": "64Mi"}, "defaultRequest": {"memory": "64Mi"}}
    limits = {"kind": "LimitRange", "apiVersion": "v1", "metadata": {"name": "small"}, "spec": {"limits": [default]}}
    apply(secret, limits, namespace=namespace.name)


WRONG: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    # name: (changes of the spec, reason, words of the message), one for each exit code
    "wrong-monitor": (
        {"training__callbacks": [{"callback": "EarlyStopping", "monitor": "val_acuracy"}]},
        "InvalidTraining",
        ["callbacks[0]", "EarlyStopping", "val_acuracy"],
    ),
    "labels": (
        {
            "data__bucket": BAD,
            "data__train": {"object": "out-of-range.npz"},
            "data__validation": None,
            "data__test": None,
        },
        "InvalidLabels",
        ["out-of-range.npz", "10 at [5]", "from 0 to 9"],
    ),
    "too-little-memory": (
        {"resources": {"requests": {"cpu": "100m"}}},
        "MemoryLimitTooLow",
        ["64 MiB", "The limit is a default of the namespace, from a LimitRange."],
    ),
    "wrong-credentials": (
        {"storage__secretRef": {"name": "wrong-credentials"}},
        "CredentialsRefused",
        [buckets.ENDPOINT],
    ),
}


@pytest.fixture(scope="module")
def _all_applied(namespace: Namespace, _bad_data: None) -> None:
    namespace.apply(*(digits(name, **changes) for name, (changes, _, _) in WRONG.items()))


@pytest.mark.usefixtures("_all_applied")
@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_fails_once_with_its_reason(store: Minio, namespace: Namespace, name: str) -> None:
    _, reason, words = WRONG[name]
    status = namespace.finish(name, seconds=300)
    assert status["state"] == "Failed", namespace.describe(name)
    failed = namespace.condition("Failed", name)
    assert failed["status"] == "True"
    assert failed["reason"] == reason, failed
    assert [word for word in words if word not in failed["message"]] == [], failed["message"]
    assert "not-the-secret" not in json.dumps(status)
    stalled = namespace.condition("Stalled", name)
    assert (stalled["status"], stalled["reason"]) == ("True", failed["reason"])
    assert len(namespace.pods(name)) == 1, "it was tried again"
    assert get("job", name, namespace=namespace.name)["status"]["failed"] == 1
    kubectl("wait", "--for=condition=Finished", f"tj/{name}", "--namespace", namespace.name, "--timeout=10s")
    described = kubectl("describe", "tj", name, "--namespace", namespace.name)
    assert failed["reason"] in described
    warnings = [event for event in namespace.events(name) if event["type"] == "Warning"]
    assert [event["reason"] for event in warnings].count(failed["reason"]) == 1, warnings
    job = namespace.job(name)
    folder = f"s3://{job['spec']['results']['bucket']}/{namespace.name}/{name}/{job['metadata']['uid']}/"
    assert ("training.log" in buckets.objects(store, folder)) == (reason != "CredentialsRefused")


def test_a_missing_secret_is_named_and_the_job_starts_once_it_exists(namespace: Namespace) -> None:
    namespace.apply(digits("no-secret", storage__secretRef={"name": "later"}))

    def message() -> str:
        text: str = namespace.condition("Ready", "no-secret").get("message", "")
        return text

    wait("the missing Secret to be named", lambda: '"later" not found' in message(), seconds=120)
    assert namespace.status("no-secret")["state"] == "Starting"
    ready = namespace.condition("Ready", "no-secret")
    assert (ready["status"], ready["reason"]) == ("False", "CreateContainerConfigError")
    assert "spec.storage.secretRef: the Secret later must exist" in ready["message"]
    wide = kubectl("get", "tj", "no-secret", "--namespace", namespace.name, "--output", "wide")
    assert "REASON" in wide
    assert "CreateContainerConfigError" in wide
    credentials: Object = get("secret", buckets.SECRET, namespace=namespace.name)
    apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "later"}, "data": credentials["data"]},
        namespace=namespace.name,
    )
    namespace.complete("no-secret")
