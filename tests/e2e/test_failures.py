"""Whatever a user gets wrong fails once, with a reason of its own and a message that says what to do.

What is hostile, or too large, is in test_security_input.py.
"""

import base64
import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from minio import Minio
from minio.credentials import StaticProvider
from minio.minioadmin import MinioAdmin

from tests.kit import buckets
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, apply, get, kubectl, wait

BAD = "bad-data"
READ_ONLY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": ["arn:aws:s3:::*"]}],
}


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


IMAGES = np.zeros((100, 8, 8), np.uint8)
LABELS = np.arange(100, dtype=np.uint8) % 10
OBJECTS = {
    "out-of-range.npz": npz(x=IMAGES, y=LABELS + 5),
    "lengths.npz": npz(x=IMAGES, y=LABELS[:90]),
    "nan.npz": npz(x=np.full((100, 8, 8), np.nan, np.float32), y=LABELS),
    "wide.npz": npz(x=np.zeros((100, 9, 9), np.uint8), y=LABELS),
    "truncated-idx": idx(IMAGES)[:-100],
    "labels-idx": idx(LABELS),
    "noise": bytes(range(256)) * 8,
}


@pytest.fixture(scope="module", autouse=True)
def _bad_data(store: Minio, namespace: Namespace) -> None:
    if not store.bucket_exists(BAD):
        store.make_bucket(BAD)
    for name, content in OBJECTS.items():
        store.put_object(BAD, name, io.BytesIO(content), len(content))
    admin = MinioAdmin(endpoint=buckets.HOST, credentials=StaticProvider(*buckets.credentials()), secure=False)
    admin.policy_add("read-only", policy=READ_ONLY)
    admin.user_add("reader", "reader-secret")
    admin.policy_set("read-only", user="reader")
    for name, keys in {
        "wrong-credentials": {"accessKey": "epochal-root", "secretKey": "not-the-secret"},
        "reader-credentials": {"accessKey": "reader", "secretKey": "reader-secret"},
    }.items():
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in keys.items()}
        apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded},
            namespace=namespace.name,
        )


def with_data(**train: str) -> dict[str, Any]:
    return {"data__bucket": BAD, "data__train": train, "data__validation": None, "data__test": None}


DENSE = {"layer": "Dense", "units": 10, "activation": "softmax"}
WRONG: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    # name: (what is wrong in the spec, the reason, what the message must hold)
    "shapes": (
        {"network__layers": [{"layer": "Conv2D", "filters": 4, "kernel_size": 9}, {"layer": "Flatten"}, DENSE]},
        "InvalidNetwork",
        ["layers[0]", "Conv2D", "8, 8, 1"],
    ),
    "no-such-layer": (
        {"network__layers": [{"layer": "Convolution", "filters": 4}, DENSE]},
        "InvalidNetwork",
        ["layers[0]", "Convolution"],
    ),
    "wrong-argument": (
        {"network__layers": [{"layer": "Flatten"}, DENSE | {"unitz": 3}]},
        "InvalidNetwork",
        ["layers[1]", "Dense", "unitz"],
    ),
    "optimizer": ({"training__optimizer": {"name": "Adamm"}}, "InvalidTraining", ["spec.training.optimizer", "Adamm"]),
    "callback": (
        {"training__callbacks": [{"callback": "LambdaCallback"}]},
        "InvalidTraining",
        ["spec.training.callbacks[0]", "LambdaCallback"],
    ),
    "wrong-credentials": (
        {"storage__secretRef": {"name": "wrong-credentials"}},
        "CredentialsRefused",
        [buckets.ENDPOINT],
    ),
    "endpoint": (
        {"storage__endpoint": "http://nowhere.minio.svc:9000", "storage__timeoutSeconds": 5},
        "EndpointUnreachable",
        ["nowhere.minio.svc", "its host name is not known to DNS", "spec.storage.timeoutSeconds"],
    ),
    "bucket": ({"data__bucket": "no-such-bucket"}, "BucketNotFound", ["no-such-bucket"]),
    "results-bucket": ({"results__bucket": "no-such-results"}, "BucketNotFound", ["no-such-results"]),
    "object": ({"data__train": {"object": "digit.npz"}}, "ObjectNotFound", ["digit.npz", "digits-data"]),
    "read-only": ({"storage__secretRef": {"name": "reader-credentials"}}, "ResultsNotWritable", ["digits-results"]),
    "labels": (with_data(object="out-of-range.npz"), "InvalidLabels", ["out-of-range.npz", "10 at [5]", "from 0 to 9"]),
    "lengths": (with_data(object="lengths.npz"), "LengthMismatch", ["lengths.npz", "100", "90"]),
    "nan": (with_data(object="nan.npz"), "NonFiniteData", ["nan.npz"]),
    "wide": (with_data(object="wide.npz"), "ShapeMismatch", ["wide.npz", "9", "spec.network.input.shape"]),
    "truncated": (with_data(features="truncated-idx", labels="labels-idx"), "TruncatedData", ["truncated-idx"]),
    "noise": (with_data(object="noise"), "UnknownFormat", ["noise"]),
}


@pytest.fixture(scope="module")
def _all_applied(namespace: Namespace, _bad_data: None) -> None:
    namespace.apply(*(digits(name, **changes) for name, (changes, _, _) in WRONG.items()))


@pytest.mark.usefixtures("_all_applied")
@pytest.mark.parametrize("name", WRONG)
def test_it_fails_once_and_says_why(namespace: Namespace, name: str) -> None:
    _, reason, words = WRONG[name]
    status = namespace.finish(name, seconds=600)
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
    described = kubectl("describe", "tj", name, "--namespace", namespace.name)
    assert failed["reason"] in described
    warnings = [event for event in namespace.events(name) if event["type"] == "Warning"]
    assert [event["reason"] for event in warnings].count(failed["reason"]) == 1, warnings


def test_a_missing_secret_is_named_and_the_job_starts_once_it_is_there(namespace: Namespace) -> None:
    namespace.apply(digits("no-secret", storage__secretRef={"name": "later"}))

    def message() -> str:
        text: str = namespace.condition("Ready", "no-secret").get("message", "")
        return text

    wait("the missing Secret to be named", lambda: '"later" not found' in message(), seconds=60)
    assert namespace.status("no-secret")["state"] == "Starting"
    credentials: Object = get("secret", buckets.SECRET, namespace=namespace.name)
    apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "later"}, "data": credentials["data"]},
        namespace=namespace.name,
    )
    namespace.complete("no-secret")
