"""No credential is ever in a log, an Event, a status or a result, whether a job completes or fails."""

import base64
import json
import secrets
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from minio import Minio
from minio.credentials import StaticProvider
from minio.error import S3Error
from minio.minioadmin import MinioAdmin

from tests.kit import buckets, operator
from tests.kit.jobs import DIGITS, Namespace, digits
from tests.kit.kubectl import Object, apply, get, items, kubectl

KINDS = ("trainingjobs", "jobs", "pods", "events", "events.events.k8s.io", "configmaps", "services")
TOKEN = "/var/run/secrets/epochal.dev/token"
RESULTS = DIGITS["spec"]["results"]["bucket"]


@dataclass(frozen=True)
class Keys:
    """Credentials that occur nowhere else.

    Args:
        session_token: Of temporary credentials, or empty.
    """

    access_key: str
    secret_key: str
    session_token: str = ""

    @classmethod
    def random(cls, **kept: str) -> "Keys":
        made = {"access_key": f"A{secrets.token_hex(9)}".upper(), "secret_key": f"s/{secrets.token_hex(16)}+="}
        return cls(**made | kept)

    def secret(self, name: str) -> Object:
        return buckets.secret(name, self.access_key, self.secret_key, self.session_token)


@pytest.fixture(scope="module")
def accepted() -> Iterator[Keys]:
    """Credentials of a user who may do everything in the store."""
    keys = Keys.random()
    admin = MinioAdmin(endpoint=buckets.HOST, credentials=StaticProvider(*buckets.credentials()), secure=False)
    admin.user_add(keys.access_key, keys.secret_key)
    admin.policy_set("readwrite", user=keys.access_key)
    yield keys
    admin.user_remove(keys.access_key)


@pytest.fixture(scope="module")
def known(accepted: Keys) -> dict[str, Keys]:
    """The credentials of each job, by its name."""
    return {
        "completes": accepted,
        "runs": accepted,
        "wrong-data": accepted,
        "wrong-secret": Keys.random(access_key=accepted.access_key),
        "wrong-key": Keys.random(),
        "wrong-token": Keys(accepted.access_key, accepted.secret_key, f"t/{secrets.token_hex(16)}+="),
    }


@pytest.fixture(scope="module")
def readable(namespace: Namespace, store: Minio, known: dict[str, Keys]) -> dict[str, str]:
    """All that can be read by those who may not read Secrets, by where it is read."""
    apply(*(keys.secret(name) for name, keys in known.items()), namespace=namespace.name)
    changes: dict[str, Object] = {
        "runs": {"training__epochs": 100_000, "training__callbacks": []},
        "wrong-data": {"data__train": {"object": "digit.npz"}},
    }
    for name in known:
        namespace.apply(digits(name, storage__secretRef={"name": name}, **changes.get(name, {})))
    namespace.wait_epoch(1, "runs")
    with operator.stopped(get("pod", namespace.running_pod("runs"), namespace=namespace.name)):
        namespace.complete("completes", seconds=300)
        failed = {"wrong-data", "wrong-secret", "wrong-key", "wrong-token"}
        assert {namespace.finish(name, seconds=300)["state"] for name in failed} == {"Failed"}

    found = {kind: json.dumps(items(kind, namespace=namespace.name)) for kind in KINDS}
    for pod in items("pods", namespace=namespace.name):
        name = pod["metadata"]["name"]
        found[f"log of {name}"] = kubectl("logs", name, "--namespace", namespace.name)
    for name in known:
        found[f"description of {name}"] = kubectl("describe", "trainingjob", name, "--namespace", namespace.name)
    found["log of the operator"] = operator.logs()
    found["metrics"] = operator.metrics()
    for entry in store.list_objects(RESULTS, prefix=f"{namespace.name}/", recursive=True):
        key = str(entry.object_name)
        try:
            found[key] = key + buckets.unpacked(buckets.read(store, RESULTS, key)).decode("latin-1")
        except S3Error as error:
            if error.code != "NoSuchKey":  # the training that runs deletes its old checkpoints
                raise
    return found


def shapes(secret: str) -> set[str]:
    """Returns a secret as it may be written: plain, in base64, in an address, in JSON."""
    raw = secret.encode()
    return {secret, base64.b64encode(raw).decode(), urllib.parse.quote(secret, safe=""), json.dumps(secret)[1:-1]}


def test_all_places_are_searched(readable: dict[str, str], known: dict[str, Keys]) -> None:
    assert "CredentialsRefused" in readable["trainingjobs"]
    assert [name for name in known if name not in readable["trainingjobs"]] == []
    assert sum(place.startswith("log of ") for place in readable) == len(known) + 1
    for file in ("summary.json", "training.log", "history.csv", "model.keras"):
        assert [place for place in readable if place.endswith(f"/{file}")], file
    assert "epochal_trainingjob_state" in readable["metrics"]


def test_no_credential_is_readable(readable: dict[str, str], known: dict[str, Keys]) -> None:
    hidden = {
        shape
        for keys in known.values()
        for secret in (keys.access_key, keys.secret_key, keys.session_token)
        if secret
        for shape in shapes(secret)
    }
    assert [(place, shape) for place, text in readable.items() for shape in hidden if shape in text] == []


def test_no_token_is_readable(namespace: Namespace, readable: dict[str, str]) -> None:
    token = kubectl("exec", namespace.running_pod("runs"), "--namespace", namespace.name, "--", "cat", TOKEN).strip()
    assert len(token) > 100
    # Neither this token nor one that the kubelet exchanged it for: their heads are the same.
    assert [place for place, text in readable.items() if token.partition(".")[0] in text] == []


def test_no_private_key_is_readable(readable: dict[str, str]) -> None:
    assert [place for place, text in readable.items() if "PRIVATE KEY" in text] == []
