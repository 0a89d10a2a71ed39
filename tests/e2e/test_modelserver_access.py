"""Access to a ModelServer: keys, HTTPS and network policy."""

import hashlib
import io
import json
import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from minio import Minio

from tests.kit import digits_model
from tests.kit.certificates import Pair, self_signed
from tests.kit.jobs import DIGITS, Namespace
from tests.kit.kubectl import Object, apply, get, kubectl, wait
from tests.kit.model_server import ask
from tests.kit.servers import CONTAINER, Server

LOCKED, PLAIN = "locked", "plain"
KEYS, CERTIFICATE = "keys", "certificate"
OLD, NEW = "the-key-of-before", "the-key-of-today"
BUCKET, OBJECT = DIGITS["spec"]["results"]["bucket"], "e2e-modelserver/access/model.onnx"
SECONDS = 60
"""How long a change of a Secret may take: this cluster's kubelet looks every 5 s, and the server every 10 s."""
ZEROS: list[Any] = [[[[0.0]] * digits_model.SIDE] * digits_model.SIDE]
INFER: dict[str, Object] = {
    f"/v2/models/{LOCKED}/infer": {
        "inputs": [{"name": digits_model.INPUT, "shape": [1, 28, 28, 1], "datatype": "FP32", "data": ZEROS}]
    },
    f"/ml/v4/deployments/{LOCKED}/predictions?version=2020-09-01": {"input_data": [{"values": ZEROS}]},
    f"/v1/models/{LOCKED}:predict": {"instances": ZEROS},
}
ABOUT = (f"/v2/models/{LOCKED}", f"/v1/models/{LOCKED}/metadata")
OPEN = ("/", "/v2/health/live", "/v2/health/ready")
"""Paths without a key: they reveal nothing about the model."""


def secret(name: str, kind: str = "Opaque", **content: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "stringData": content}


def certificate_secret(pair: Pair) -> Object:
    content = {"tls.crt": pair.certificate, "tls.key": pair.key}
    return secret(CERTIFICATE, "kubernetes.io/tls", **content)


def status(server: Server, trusted: Pair, path: str, key: str | None = None, body: Object | None = None) -> int:
    """Returns the status of a response over HTTPS, with verification of the host name."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    context = ssl.create_default_context(cadata=trusted.certificate)
    data = None if body is None else json.dumps(body).encode()
    return ask(server.status["url"] + path, data, headers, context)[0]


@pytest.fixture(scope="module")
def pair(namespace: Namespace) -> Pair:
    return self_signed(f"{LOCKED}.{namespace.name}.svc")


@pytest.fixture(scope="module")
def locked(namespace: Namespace, store: Minio, pair: Pair) -> Server:
    """A ModelServer with keys and a certificate; and one beside it that has keys alone, and no pods."""
    model = digits_model.model()
    store.put_object(BUCKET, OBJECT, io.BytesIO(model), len(model))
    source = {"uri": f"s3://{BUCKET}/{OBJECT}", "sha256": hashlib.sha256(model).hexdigest()}
    apply(secret(KEYS, first=OLD), certificate_secret(pair), namespace=namespace.name)
    auth, tls = ({"secretRef": {"name": name}} for name in (KEYS, CERTIFICATE))
    server, plain = Server(namespace.name, LOCKED), Server(namespace.name, PLAIN)
    server.apply(source, auth=auth, tls=tls)
    plain.apply(source, auth=auth, replicas=0)
    server.wait_ready()
    return server


def test_the_server_answers_over_https_with_its_certificate(locked: Server, pair: Pair) -> None:
    assert locked.status["url"] == f"https://{LOCKED}.{locked.namespace}.svc"
    assert {path: status(locked, pair, path) for path in OPEN} == dict.fromkeys(OPEN, 200)
    with pytest.raises(OSError, match="certificate verify failed"):
        status(locked, self_signed(f"{LOCKED}.{locked.namespace}.svc"), OPEN[0])


def test_the_service_has_only_the_port_in_use(locked: Server) -> None:
    for name, port in {LOCKED: 443, PLAIN: 80}.items():
        service = get("service", name, namespace=locked.namespace)
        assert [offered["port"] for offered in service["spec"]["ports"]] == [port]


@pytest.mark.parametrize("key", [None, "", "another", OLD[:-1], f"{OLD}x"])
def test_a_request_without_a_valid_key_is_refused(locked: Server, pair: Pair, key: str | None) -> None:
    asked = {path: status(locked, pair, path, key) for path in ABOUT}
    asked |= {path: status(locked, pair, path, key, body) for path, body in INFER.items()}
    assert set(asked.values()) == {401}


def test_a_request_with_a_key_is_answered(locked: Server, pair: Pair) -> None:
    asked = {path: status(locked, pair, path, OLD) for path in ABOUT}
    asked |= {path: status(locked, pair, path, OLD, body) for path, body in INFER.items()}
    assert set(asked.values()) == {200}


def test_keys_without_tls_get_a_warning(locked: Server) -> None:
    plain = Server(locked.namespace, PLAIN)
    wait("the Event", lambda: "PlainKeys" in plain.events(), seconds=30)
    assert "set spec.tls" in plain.events()["PlainKeys"]
    assert "PlainKeys" not in locked.events()


def test_the_network_policy_allows_the_served_ports(locked: Server) -> None:
    found = kubectl("get", "networkpolicy", LOCKED, "--namespace", locked.namespace, "--output=json")
    policy = json.loads(found)["spec"]
    (pod,) = locked.pods()
    assert selects(policy["podSelector"]["matchLabels"], pod)
    assert selects(get("service", LOCKED, namespace=locked.namespace)["spec"]["selector"], pod)
    (container,) = [item for item in pod["spec"]["containers"] if item["name"] == CONTAINER]
    served = {item["containerPort"] for item in container["ports"]}
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == served
    assert "Ingress" in policy["policyTypes"]


def selects(labels: Mapping[str, str], pod: Object) -> bool:
    """Returns whether labels are those of a pod, its ModelServer's UID among them: no pod of another one has that."""
    return "epochal.dev/modelserver-uid" in labels and labels.items() <= pod["metadata"]["labels"].items()


def test_keys_and_certificate_are_renewed_without_a_restart(locked: Server, pair: Pair) -> None:
    before = locked.started()
    renewed = self_signed(f"{LOCKED}.{locked.namespace}.svc")
    address = (f"{LOCKED}.{locked.namespace}.svc", 443)
    apply(secret(KEYS, first=OLD, second=NEW), certificate_secret(renewed), namespace=locked.namespace)
    wait("the certificate", lambda: ssl.get_server_certificate(address) == renewed.certificate, seconds=SECONDS)
    asked = partial(status, locked, renewed, ABOUT[0])
    wait("the key", lambda: asked(NEW) == 200, seconds=SECONDS)
    assert asked(OLD) == 200, "it is in the Secret, too"
    without = ["--type=merge", "--patch", json.dumps({"data": {"first": None}})]
    kubectl("patch", "secret", KEYS, "--namespace", locked.namespace, *without)
    wait("the key of before to be refused", lambda: asked(OLD) == 401, seconds=SECONDS)
    assert asked(NEW) == 200
    assert locked.started() == before
