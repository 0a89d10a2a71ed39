"""Another S3 server than MinIO serves as well, with plain HTTP and with TLS by a private authority."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from epochal_api.trainingjob.report import Waiting
from epochal_operator.web.certificates import renew
from epochal_trainer.lib.failures import Failure
from epochal_trainer.reporting.attempts import Attempts
from epochal_trainer.storage import Credentials, RetryPolicy, S3Bucket, StorageWaits
from minio import Minio
from minio.credentials import StaticProvider
from minio.minioadmin import MinioAdmin

from tests.kit import buckets, versitygw
from tests.kit.jobs import DIGITS, Namespace, digits
from tests.kit.kubectl import Object, apply, get, kubectl, wait
from tests.kit.versitygw import VersityGW

DATA, RESULTS = (DIGITS["spec"][part]["bucket"] for part in ("data", "results"))
SECRET, CA = "versitygw-credentials", "storage-ca"
TRAINING: Object = {"training__epochs": 30, "training__batchSize": 8, "training__callbacks": []}
"""Small batches, so that a training is long enough to lose its pod also on a busy machine."""
NOT_TLS = "https://versitygw.e2e-storage.svc:8333"
NOWHERE = "http://no-such-service.e2e-storage.svc:9000"
MINIO_READER = ("reader", "reader-secret")
READ_ONLY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": ["arn:aws:s3:::*"]}],
}


@pytest.fixture(scope="module")
def server(namespace: Namespace, digits_file: Path) -> VersityGW:
    started = versitygw.start(namespace.name)
    for bucket in (DATA, RESULTS):
        started.make_bucket(bucket)
    buckets.fill(started.client(), DATA, [digits_file])
    buckets.fill(started.client(), RESULTS, [])
    apply(buckets.secret(SECRET, *versitygw.USER), config_map(CA, started.tls.authority), namespace=namespace.name)
    return started


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


@pytest.fixture(scope="module", autouse=True)
def _applied(namespace: Namespace, server: VersityGW, http: Object, https: Object) -> None:
    """All jobs at once: their pods start one beside the other."""
    jobs = [job("plain", http, **TRAINING), job("encrypted", https, **TRAINING), job("disturbed", https, **TRAINING)]
    jobs.append(job("early", https | {"caConfigMapRef": {"name": "coming"}}))
    jobs.append(job("missing-key", https | {"caConfigMapRef": {"name": CA, "key": "no-such-key"}, "timeoutSeconds": 3}))
    namespace.apply(*jobs)


def test_a_job_that_loses_its_pod_resumes_from_its_checkpoint(namespace: Namespace) -> None:
    """Runs first, before the training ends."""
    namespace.wait_epoch(2, "disturbed", seconds=300)
    kubectl("delete", "pod", namespace.running_pod("disturbed"), "--namespace", namespace.name, "--wait=false")
    status = namespace.complete("disturbed", seconds=300)
    assert status["attempt"] == 2
    assert "Resuming from" in kubectl("logs", "job/disturbed", "--namespace", namespace.name)
    assert status["test"] == namespace.complete("plain", seconds=300)["test"]


def test_a_job_waits_for_a_storage_that_does_not_resolve_and_names_it(namespace: Namespace, http: Object) -> None:
    """Applied here, since the job waits for half a minute only."""
    namespace.apply(job("nowhere", http | {"endpoint": NOWHERE, "timeoutSeconds": 30}))
    status = namespace.wait_state("Waiting", "Failed", name="nowhere", seconds=180)
    assert status["state"] == "Waiting", namespace.describe("nowhere")
    ready = namespace.condition("Ready", "nowhere")
    assert (ready["status"], ready["reason"]) == ("False", "StorageUnavailable")
    assert "EndpointUnreachable: " in ready["message"]
    kubectl("wait", "--for=condition=Finished", "tj/nowhere", "--namespace", namespace.name, "--timeout=120s")
    finished = namespace.condition("Finished", "nowhere")
    assert (finished["reason"], finished["message"]) == ("Failed", "The object has ended: EndpointUnreachable.")


@pytest.mark.parametrize("name", ["plain", "encrypted"])
def test_a_job_trains_and_stores_its_results(namespace: Namespace, server: VersityGW, name: str) -> None:
    status = namespace.complete(name, seconds=300)
    assert float(status["test"]["accuracy"]) > 0.9
    stored = buckets.objects(server.client(), status["results"]["uri"])
    assert {"model.keras", "history.csv", "curves.png", "training.log", "summary.json"} <= set(stored)
    summary = json.loads(stored["summary.json"])
    assert summary["spec"]["storage"]["endpoint"] == (server.endpoint if name == "plain" else server.tls_endpoint)


def test_plain_http_and_tls_give_the_same_network(namespace: Namespace) -> None:
    plain, encrypted = (namespace.complete(name, seconds=300) for name in ("plain", "encrypted"))
    assert plain["test"] == encrypted["test"]


def test_a_job_waits_for_its_certificate_authority(namespace: Namespace, server: VersityGW) -> None:
    available = wait("a word", lambda: namespace.condition("StorageAvailable", "early"), seconds=120)
    assert (available["status"], available["reason"]) == ("False", "InvalidCertificateAuthority")
    assert "the ConfigMap coming must exist" in available["message"]
    ready = namespace.condition("Ready", "early")
    assert (namespace.status("early")["state"], ready["status"], ready["reason"]) == (
        "Waiting",
        "False",
        "StorageUnavailable",
    )
    assert "InvalidCertificateAuthority: " in ready["message"]
    apply(config_map("coming", server.tls.authority), namespace=namespace.name)
    assert namespace.complete("early", seconds=300)["attempt"] == 1
    assert namespace.condition("StorageAvailable", "early")["status"] == "True"


def test_a_missing_certificate_authority_is_named(namespace: Namespace) -> None:
    assert namespace.finish("missing-key", seconds=300)["state"] == "Failed", namespace.describe("missing-key")
    failed = namespace.condition("Failed", "missing-key")
    assert failed["reason"] == "InvalidCertificateAuthority", failed
    assert f"the ConfigMap {CA} must exist and have the key no-such-key" in failed["message"]
    assert get("job", "missing-key", namespace=namespace.name)["status"]["failed"] == 1


@dataclass(frozen=True)
class Service:
    """An S3 service as the trainer is configured for it."""

    endpoint: str
    user: tuple[str, str]
    reader: tuple[str, str]
    ca_file: Path | None = None

    def data(self, keys: tuple[str, str], bucket: str = DATA, *, key: str = "digits.npz") -> None:
        """Opens the data as a trainer does."""
        opened = self.bucket(bucket, keys)
        opened.check()
        opened.stat(key)

    def results(self, keys: tuple[str, str], bucket: str = RESULTS) -> None:
        """Begins an attempt in the results as a trainer does."""
        Attempts(self.bucket(bucket, keys), "answers", "pod").begin("spec")

    def bucket(self, name: str, keys: tuple[str, str]) -> S3Bucket:
        retry = RetryPolicy(waits=StorageWaits(_not_waited_for))
        return S3Bucket(self.endpoint, name, Credentials(*keys), ca_file=self.ca_file, retry=retry)


def _not_waited_for(waiting: Waiting | None) -> None:
    pytest.fail(f"it was waited for: {waiting}")


@pytest.fixture(scope="module")
def minio(store: Minio) -> Service:
    admin = MinioAdmin(endpoint=buckets.HOST, credentials=StaticProvider(*buckets.credentials()), secure=False)
    admin.policy_add("read-only", policy=READ_ONLY)
    admin.user_add(*MINIO_READER)
    admin.policy_set("read-only", user=MINIO_READER[0])
    return Service(buckets.ENDPOINT, buckets.credentials(), MINIO_READER)


@pytest.fixture
def encrypted(server: VersityGW, tmp_path: Path) -> Service:
    authority = tmp_path / "ca.crt"
    authority.write_bytes(server.tls.authority)
    return Service(server.tls_endpoint, versitygw.USER, versitygw.READER, authority)


@pytest.fixture(params=["MinIO", "VersityGW", "VersityGW by TLS"])
def service(request: pytest.FixtureRequest, server: VersityGW) -> Service:
    match request.param:
        case "MinIO":
            found: Service = request.getfixturevalue("minio")
        case "VersityGW":
            found = Service(server.endpoint, versitygw.USER, versitygw.READER)
        case _:
            found = request.getfixturevalue("encrypted")
    return found


def test_valid_credentials_read_and_write(service: Service) -> None:
    service.data(service.reader)
    service.results(service.user)


@pytest.mark.parametrize(
    ("ask", "reason", "code", "words"),
    [
        (lambda to: to.data((to.user[0], "not-the-secret")), "CredentialsRefused", 77, ("accessKey",)),
        (lambda to: to.data(("nobody", "not-the-secret")), "CredentialsRefused", 77, ("accessKey",)),
        (lambda to: to.results(to.reader), "ResultsNotWritable", 77, (RESULTS, "s3:PutObject")),
        (lambda to: to.data(to.user, "no-such-bucket"), "BucketNotFound", 65, ("no-such-bucket",)),
        (lambda to: to.results(to.user, "no-such-results"), "BucketNotFound", 65, ("no-such-results",)),
        (lambda to: to.data(to.user, key="digit.npz"), "ObjectNotFound", 65, ("digit.npz", DATA, "digits.npz")),
    ],
    ids=["wrong-secret", "unknown-key", "reader", "bucket", "results-bucket", "object"],
)
def test_a_refusal_by_the_server_has_its_reason_at_once(
    service: Service, ask: Callable[[Service], None], reason: str, code: int, words: tuple[str, ...]
) -> None:
    with pytest.raises(Failure) as caught:
        ask(service)
    assert (caught.value.reason, caught.value.exit_code) == (reason, code), caught.value.message
    assert [word for word in words if word not in caught.value.message] == [], caught.value.message


def test_a_missing_bucket_is_reported_with_a_similar_name(minio: Service) -> None:
    with pytest.raises(Failure, match=f"did you mean {DATA}"):
        minio.data(minio.user, DATA[:-1])


def test_a_tls_error_is_reported_at_once(encrypted: Service, server: VersityGW) -> None:
    stranger = renew(None, ["another"], datetime.now(UTC)).authority
    another = encrypted.ca_file.with_name("another.crt") if encrypted.ca_file else None
    assert another is not None
    another.write_bytes(stranger)
    for wrong, words in (
        (replace(encrypted, ca_file=another), ("certificate is not trusted", "spec.storage.caConfigMapRef")),
        (replace(encrypted, ca_file=None), ("certificate is not trusted", "spec.storage.caConfigMapRef")),
        (replace(encrypted, endpoint=NOT_TLS), ("does not speak TLS", "http://")),
    ):
        with pytest.raises(Failure) as caught:
            wrong.data(wrong.user)
        assert (caught.value.reason, caught.value.exit_code) == ("EndpointUnreachable", 64)
        assert [word for word in words if word not in caught.value.message] == [], caught.value.message
