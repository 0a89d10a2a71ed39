"""The served certificate follows its Secret."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from epochal_lib.model_server.errors import ServeError
from epochal_server.connections.tls import Certificate
from epochal_server.listener import Listener

from tests.unit.server.connections.started import started

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def ec_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key() -> Key:
    return rsa.generate_private_key(65537, 2048)


def put(folder: Path, name: str, key: Key | None = None, *, other_key: bool = False) -> None:
    """Writes a certificate for a name, and its key."""
    key = key or ec_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    stored_key = ec_key() if other_key else key
    private = stored_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.key").write_bytes(private)


async def served(certificate: Certificate, ciphers: str = "") -> str:
    """Return the name in the served certificate, with only the given ciphers of TLS 1.2 if there are any."""
    async with started(Listener([]), certificate.context) as port:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if ciphers:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        (name,) = x509.load_der_x509_certificate(der).subject
        return str(name.value)


async def test_serves_a_renewed_certificate(tmp_path: Path) -> None:
    put(tmp_path, "first")
    certificate = Certificate(tmp_path)
    assert await served(certificate) == "first"
    put(tmp_path, "second")
    certificate.reload()
    assert await served(certificate) == "second"


@pytest.mark.parametrize(("before", "after"), [(rsa_key, ec_key), (ec_key, rsa_key)])
async def test_the_former_certificate_of_another_key_type_is_not_served(
    tmp_path: Path, before: Callable[[], Key], after: Callable[[], Key]
) -> None:
    put(tmp_path, "first", before())
    certificate = Certificate(tmp_path)
    put(tmp_path, "second", after())
    certificate.reload()
    assert await served(certificate) == "second"
    with pytest.raises((ssl.SSLError, ConnectionError)):  # who knows the former type of key alone
        await served(certificate, "ECDHE+aRSA" if before is rsa_key else "ECDHE+aECDSA")


async def test_an_invalid_secret_leaves_the_certificate_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "first")
    certificate = Certificate(tmp_path)
    put(tmp_path, "second", other_key=True)
    certificate.reload()
    assert "cannot reload the certificate" in caplog.text
    assert await served(certificate) == "first"
    (tmp_path / "tls.crt").unlink()
    certificate.reload()
    assert await served(certificate) == "first"


def test_requires_a_certificate_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match=r"tls.crt and tls.key") as error:
        Certificate(tmp_path)
    assert error.value.reason == "InvalidConfig"
