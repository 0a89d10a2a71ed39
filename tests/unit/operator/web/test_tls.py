"""The certificate of the progress endpoint: trust of clients, agreement of replicas, renewals and rotations."""

import asyncio
import copy
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from epochal_operator.runtime.api.errors import Conflict, NotFound, Unavailable
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import Resource
from epochal_operator.web.certificates import CERTIFICATE_TTL, Bundle, renew, service_names
from epochal_operator.web.tls import ROTATION_ANNOTATION, ServingCertificate, load_bundle

SERVICE = "epochal.epochal-system.svc"
NAMES = service_names(SERVICE)
NOW = datetime.now(UTC)
OTHER = renew(None, NAMES, NOW)
DAY = timedelta(days=1)


class Secrets:
    """An API server with one Secret; other replicas may write just before a request."""

    def __init__(self, data: dict[str, str] | None = None, *, rivals: list[Bundle] | None = None) -> None:
        self.secret: dict[str, Any] = {
            "metadata": {"name": "epochal-tls", "namespace": "epochal-system", "resourceVersion": "1"},
            "type": "Opaque",
        }
        if data is not None:
            self.secret["data"] = data
        self.rivals = rivals or []
        self.writes = 0
        self.is_down = False

    @property
    def bundle(self) -> Bundle | None:
        return Bundle.from_secret(self.secret.get("data") or {})

    async def get(self, _: Resource, namespace: str, name: str) -> dict[str, Any]:
        if self.is_down:
            raise Unavailable(0, "ClientConnectorError", "no answer")
        if (namespace, name) != ("epochal-system", "epochal-tls"):
            raise NotFound(404, "NotFound", f"no Secret {name}")
        return copy.deepcopy(self.secret)

    async def replace(self, _: Resource, secret: dict[str, Any]) -> dict[str, Any]:
        if self.rivals:
            self._write(self.secret | {"data": self.rivals.pop().to_secret()})
        if secret["metadata"]["resourceVersion"] != self.secret["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "the object has been modified")
        self.writes += 1
        return self._write(secret)

    def _write(self, secret: dict[str, Any]) -> dict[str, Any]:
        version = str(int(self.secret["metadata"]["resourceVersion"]) + 1)
        self.secret = secret | {"metadata": secret["metadata"] | {"resourceVersion": version}}
        return self.secret


def kube(secrets: Secrets) -> Kube:
    return cast("Kube", secrets)


async def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bytes:
    """Return the certificate (DER) that a client trusts in a TLS handshake."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        seen = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.close()
        await writer.wait_closed()
        return bytes(seen)


def trust(authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def der(bundle: Bundle) -> bytes:
    return ssl.PEM_cert_to_DER_cert(bundle.certificate.decode())


async def serving(secrets: Secrets) -> ServingCertificate:
    serving = ServingCertificate(kube(secrets), "epochal-system", "epochal-tls", SERVICE)
    await serving.load()
    return serving


@pytest.mark.parametrize("name", NAMES)
async def test_clients_trust_the_certificate_for_each_service_name(name: str) -> None:
    serves = await serving(Secrets())
    await handshake(serves.context, trust(serves.authority), name)


async def test_clients_refuse_another_name_or_authority() -> None:
    serves = await serving(Secrets())
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await handshake(serves.context, trust(serves.authority), "other.svc")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self-signed|signature failure"):
        await handshake(serves.context, trust(OTHER.authority.decode()), NAMES[2])


async def test_a_renewed_certificate_is_loaded_without_a_restart() -> None:
    old = renew(None, NAMES, NOW - CERTIFICATE_TTL + DAY)
    secrets = Secrets(old.to_secret())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_bundle(context, old)
    client = trust(old.authority.decode())
    assert await handshake(context, client, NAMES[2]) == der(old)

    serves = await serving(secrets)
    assert secrets.bundle is not None
    assert await handshake(serves.context, client, NAMES[2]) == der(secrets.bundle) != der(old)

    newer = renew(old, NAMES, NOW)
    secrets.secret["data"] = newer.to_secret()
    await serves.load()
    assert await handshake(serves.context, client, NAMES[2]) == der(newer)


async def test_an_empty_secret_is_filled_once() -> None:
    secrets = Secrets()
    first, second = await serving(secrets), await serving(secrets)
    assert secrets.bundle is not None
    assert first.authority == second.authority == secrets.bundle.authority.decode()
    assert secrets.writes == 1


async def test_the_later_of_two_replicas_uses_the_bundle_of_the_earlier() -> None:
    secrets = Secrets({}, rivals=[OTHER])
    assert (await serving(secrets)).authority == OTHER.authority.decode()
    assert secrets.bundle == OTHER
    assert secrets.writes == 0


async def test_a_secret_that_changes_at_each_write_is_a_conflict() -> None:
    expired = renew(None, NAMES, NOW - CERTIFICATE_TTL)
    secrets = Secrets({}, rivals=[expired] * 100)
    with pytest.raises(Conflict, match="changed during each"):
        await serving(secrets)


async def test_a_missing_secret_is_an_error() -> None:
    with pytest.raises(NotFound, match="Secret other must exist in namespace epochal-system"):
        await ServingCertificate(kube(Secrets()), "epochal-system", "other", SERVICE).load()


@pytest.mark.parametrize("lost", [None, {}, {"ca.crt": "bm8="}, {"tls.crt": "not base64"}])
async def test_a_secret_that_lost_its_data_gets_the_same_authority_back(lost: dict[str, str] | None) -> None:
    secrets = Secrets()
    serves = await serving(secrets)
    before = secrets.bundle
    secrets.secret = {key: value for key, value in secrets.secret.items() if key != "data"}
    if lost is not None:
        secrets.secret["data"] = lost
    await serves.load()
    assert secrets.bundle == before


async def test_other_data_of_the_secret_stays() -> None:
    secrets = Secrets({"note": "a2VlcA=="})
    await serving(secrets)
    assert secrets.secret["data"]["note"] == "a2VlcA=="
    assert secrets.secret["type"] == "Opaque"


async def test_the_certificate_is_loaded_once_the_api_server_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_operator.web.tls.RETRY_SECONDS", 0.01)
    secrets = Secrets()
    secrets.is_down = True
    serves = ServingCertificate(kube(secrets), "epochal-system", "epochal-tls", SERVICE)
    keeping = asyncio.create_task(serves.keep_valid())
    await asyncio.sleep(0.03)
    with pytest.raises(RuntimeError, match="not loaded"):
        _ = serves.authority
    secrets.is_down = False
    async with asyncio.timeout(5):
        await serves.loaded.wait()
    assert secrets.bundle is not None
    assert serves.authority.encode() == secrets.bundle.authority
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


def request_step(secrets: Secrets, step: str) -> None:
    secrets.secret["metadata"] = secrets.secret["metadata"] | {
        "annotations": {ROTATION_ANNOTATION: step, "note": "kept"}
    }


async def test_two_annotations_rotate_the_authority() -> None:
    secrets = Secrets({"note": "a2VlcA=="})
    serves, replica = await serving(secrets), await serving(secrets)
    first = trust(serves.authority)

    request_step(secrets, "prepare")
    for one in (serves, replica, serves):
        await one.load()
        await handshake(one.context, first, NAMES[2])
    both = trust(serves.authority)
    assert replica.authority == serves.authority
    assert serves.authority.count("BEGIN CERTIFICATE") == 2
    await handshake(serves.context, both, NAMES[2])

    assert secrets.secret["metadata"]["annotations"] == {"note": "kept"}
    request_step(secrets, "finish")
    await serves.load()
    assert secrets.secret["metadata"]["annotations"] == {"note": "kept"}
    await handshake(replica.context, first, NAMES[2])  # It has not read the Secret yet.
    for one in (serves, replica, serves):
        await one.load()
        await handshake(one.context, both, NAMES[2])
        await handshake(one.context, trust(serves.authority), NAMES[2])
        with pytest.raises(ssl.SSLCertVerificationError):
            await handshake(one.context, first, NAMES[2])
    assert serves.authority.count("BEGIN CERTIFICATE") == 1
    assert set(secrets.secret["data"]) == {"note", "ca.crt", "ca.key", "tls.crt", "tls.key"}
    assert secrets.writes == 3


async def test_finish_without_prepare_replaces_the_authority_once(caplog: pytest.LogCaptureFixture) -> None:
    """Without `prepare`, or before a replica has read that annotation."""
    caplog.set_level("INFO")
    secrets = Secrets()
    serves, replica = await serving(secrets), await serving(secrets)
    first = serves.authority
    request_step(secrets, "finish")
    for one in (serves, replica, serves):
        await one.load()
        assert one.authority != first
    assert serves.authority == replica.authority
    assert serves.authority.count("BEGIN CERTIFICATE") == 1
    assert secrets.writes == 2
    assert "replaced the certificate authority at once" in caplog.text


async def test_a_completed_rotation_step_removes_its_annotation() -> None:
    secrets = Secrets()
    serves = await serving(secrets)
    for _ in range(2):
        request_step(secrets, "prepare")
        await serves.load()
        both = serves.authority
    assert ROTATION_ANNOTATION not in secrets.secret["metadata"]["annotations"]
    await serves.load()
    assert serves.authority == both
    assert secrets.writes == 3


async def test_an_unknown_rotation_step_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    secrets = Secrets()
    request_step(secrets, "now")
    serves = await serving(secrets)
    assert serves.authority.count("BEGIN CERTIFICATE") == 1
    assert "must be prepare or finish, found 'now'" in caplog.text
