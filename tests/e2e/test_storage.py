"""Another S3 server than MinIO serves as well, with plain HTTP and with TLS by a private authority."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from epochal_operator.web.certificates import renew

from tests.kit import buckets, versitygw
from tests.kit.jobs import DIGITS, Namespace, digits
from tests.kit.kubectl import Object, apply, get, kubectl, wait
from tests.kit.versitygw import VersityGW

DATA, RESULTS = (DIGITS["spec"][part]["bucket"] for part in ("data", "results"))
SECRET, CA = "versitygw-credentials", "storage-ca"
TRAINING: Object = {"training__epochs": 30, "training__callbacks": []}
NOT_TLS = "https://versitygw.e2e-storage.svc:8333"


@pytest.fixture(scope="module")
def server(namespace: Namespace, digits_file: Path) -> VersityGW:
    started = versitygw.start(namespace.name)
    for bucket in (DATA, RESULTS):
        started.make_bucket(bucket)
    buckets.fill(started.client(), DATA, [digits_file])
    stranger = renew(None, ["another"], datetime.now(UTC))
    apply(
        secret(SECRET, *versitygw.USER),
        secret("reader", *versitygw.READER),
        secret("wrong-secret", versitygw.USER[0], "not-the-secret"),
        secret("unknown-key", "nobody", "not-the-secret"),
        config_map(CA, started.tls.authority),
        config_map("another-ca", stranger.authority),
        config_map("no-ca", b"certificate: none\n"),
        namespace=namespace.name,
    )
    return started


def secret(name: str, access_key: str, secret_key: str) -> Object:
    data = {"accessKey": access_key, "secretKey": secret_key}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def config_map(name: str, certificates: bytes) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"ca.crt": certificates.decode()},
    }


def job(name: str, storage: Object, **changes: Any) -> Object:
    return digits(name, storage=storage, **changes)


@pytest.fixture(scope="module")
def http(server: VersityGW) -> Object:
    return {"endpoint": server.endpoint, "secretRef": {"name": SECRET}}


@pytest.fixture(scope="module")
def https(server: VersityGW) -> Object:
    return {
        "endpoint": server.tls_endpoint,
        "secretRef": {"name": SECRET},
        "caConfigMapRef": {"name": CA},
    }


@dataclasses.dataclass(frozen=True)
class Fault:
    """What is wrong, and what is said about it.

    Args:
        reason: The reason that the TrainingJob fails with.
        words: What its message must hold.
        storage: What is wrong in spec.storage.
        changes: What is wrong elsewhere in the spec.
        tls: Whether the server is spoken to by TLS.
    """

    reason: str
    words: tuple[str, ...]
    storage: Object = dataclasses.field(default_factory=dict)
    changes: Object = dataclasses.field(default_factory=dict)
    tls: bool = False


FAULTS = {
    "wrong-secret": Fault("CredentialsRefused", ("accessKey",), {"secretRef": {"name": "wrong-secret"}}),
    "unknown-key": Fault("CredentialsRefused", ("accessKey",), {"secretRef": {"name": "unknown-key"}}),
    "reader": Fault("ResultsNotWritable", (RESULTS, "s3:PutObject"), {"secretRef": {"name": "reader"}}),
    "bucket": Fault("BucketNotFound", ("no-such-bucket",), changes={"data__bucket": "no-such-bucket"}),
    "results-bucket": Fault("BucketNotFound", ("no-such-results",), changes={"results__bucket": "no-such-results"}),
    "object": Fault("ObjectNotFound", ("digit.npz", "digits.npz"), changes={"data__train": {"object": "digit.npz"}}),
    "another-ca": Fault(
        "EndpointUnreachable",
        ("certificate is not trusted", "spec.storage.caConfigMapRef"),
        {"caConfigMapRef": {"name": "another-ca"}},
        tls=True,
    ),
    "public-ca": Fault(
        "EndpointUnreachable",
        ("certificate is not trusted", "spec.storage.caConfigMapRef"),
        {"caConfigMapRef": None},
        tls=True,
    ),
    "not-tls": Fault("EndpointUnreachable", ("does not speak TLS", "http://"), {"endpoint": NOT_TLS}, tls=True),
    "missing-ca": Fault(
        "InvalidCertificateAuthority",
        ("the ConfigMap later must exist",),
        {"caConfigMapRef": {"name": "later"}, "timeoutSeconds": 3},
        tls=True,
    ),
    "missing-key": Fault(
        "InvalidCertificateAuthority",
        (f"the ConfigMap {CA} must exist and have the key no-such-key",),
        {"caConfigMapRef": {"name": CA, "key": "no-such-key"}, "timeoutSeconds": 3},
        tls=True,
    ),
    "no-certificate": Fault(
        "InvalidCertificateAuthority",
        ("spec.storage.caConfigMapRef", "PEM"),
        {"caConfigMapRef": {"name": "no-ca"}},
        tls=True,
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _applied(namespace: Namespace, server: VersityGW, http: Object, https: Object) -> None:
    """All jobs at once: their pods start one beside the other."""
    jobs = [job("plain", http, **TRAINING), job("encrypted", https, **TRAINING), job("disturbed", https, **TRAINING)]
    jobs.append(job("early", https | {"caConfigMapRef": {"name": "coming"}}))
    for name, fault in FAULTS.items():
        storage = (https if fault.tls else http) | fault.storage
        jobs.append(job(name, {key: value for key, value in storage.items() if value}, **fault.changes))
    namespace.apply(*jobs)


def test_one_that_loses_its_pod_goes_on_from_its_checkpoint(namespace: Namespace) -> None:
    namespace.wait_epoch(2, "disturbed", seconds=300)
    kubectl("delete", "pod", namespace.running_pod("disturbed"), "--namespace", namespace.name, "--wait=false")
    status = namespace.complete("disturbed", seconds=300)
    assert status["attempt"] == 2
    assert "Going on from" in kubectl("logs", "job/disturbed", "--namespace", namespace.name)
    assert status["test"] == namespace.complete("plain", seconds=300)["test"]


@pytest.mark.parametrize("name", ["plain", "encrypted"])
def test_it_trains_and_its_results_are_stored(namespace: Namespace, server: VersityGW, name: str) -> None:
    status = namespace.complete(name, seconds=300)
    assert float(status["test"]["accuracy"]) > 0.9
    stored = buckets.objects(server.client(), status["results"]["uri"])
    assert {"model.keras", "history.csv", "curves.png", "training.log", "summary.json"} <= set(stored)
    summary = json.loads(stored["summary.json"])
    assert summary["spec"]["storage"]["endpoint"] == (server.endpoint if name == "plain" else server.tls_endpoint)


def test_both_ways_lead_to_the_same_network(namespace: Namespace) -> None:
    plain, encrypted = (namespace.complete(name, seconds=300) for name in ("plain", "encrypted"))
    assert plain["test"] == encrypted["test"]


def test_a_job_that_comes_before_its_authority_waits_for_it(namespace: Namespace, server: VersityGW) -> None:
    available = wait("a word", lambda: namespace.condition("StorageAvailable", "early"), seconds=120)
    assert (available["status"], available["reason"]) == ("False", "InvalidCertificateAuthority")
    assert "the ConfigMap coming must exist" in available["message"]
    apply(config_map("coming", server.tls.authority), namespace=namespace.name)
    assert namespace.complete("early", seconds=300)["attempt"] == 1
    assert namespace.condition("StorageAvailable", "early")["status"] == "True"


@pytest.mark.parametrize("name", FAULTS)
def test_it_fails_once_and_says_why(namespace: Namespace, name: str) -> None:
    fault = FAULTS[name]
    status = namespace.finish(name, seconds=300)
    assert status["state"] == "Failed", namespace.describe(name)
    failed = namespace.condition("Failed", name)
    assert failed["reason"] == fault.reason, failed
    assert [word for word in fault.words if word not in failed["message"]] == [], failed["message"]
    assert get("job", name, namespace=namespace.name)["status"]["failed"] == 1
