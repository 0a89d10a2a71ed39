"""The certificate that is served follows its Secret."""

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
from epochal_server.listening import Listening
from epochal_server.tls import Certificate

from tests.unit.server.started import started

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def elliptic() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def of_rsa() -> Key:
    return rsa.generate_private_key(65537, 2048)


def put(folder: Path, name: str, key: Key | None = None, *, key_of_another: bool = False) -> None:
    """Writes a certificate for a name, and its key."""
    key = key or elliptic()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    kept = elliptic() if key_of_another else key
    private = kept.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.key").write_bytes(private)


async def served(certificate: Certificate, ciphers: str = "") -> str:
    """Returns the name that a client is shown: one that knows some ciphers of TLS 1.2 alone, if they are named."""
    async with started(Listening([]), certificate.context) as port:
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


async def test_serves_the_certificate_that_is_there_now(tmp_path: Path) -> None:
    put(tmp_path, "first")
    certificate = Certificate(tmp_path)
    assert await served(certificate) == "first"
    put(tmp_path, "second")
    certificate.reload()
    assert await served(certificate) == "second"


@pytest.mark.parametrize(("before", "after"), [(of_rsa, elliptic), (elliptic, of_rsa)])
async def test_nobody_is_shown_a_former_one_whatever_its_key(
    tmp_path: Path, before: Callable[[], Key], after: Callable[[], Key]
) -> None:
    put(tmp_path, "first", before())
    certificate = Certificate(tmp_path)
    put(tmp_path, "second", after())
    certificate.reload()
    assert await served(certificate) == "second"
    with pytest.raises((ssl.SSLError, ConnectionError)):  # who knows the former type of key alone
        await served(certificate, "ECDHE+aRSA" if before is of_rsa else "ECDHE+aECDSA")


async def test_what_is_wrong_leaves_the_former_one_in_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "first")
    certificate = Certificate(tmp_path)
    put(tmp_path, "second", key_of_another=True)
    certificate.reload()
    assert "was not loaded again" in caplog.text
    assert await served(certificate) == "first"
    (tmp_path / "tls.crt").unlink()
    certificate.reload()
    assert await served(certificate) == "first"


def test_there_must_be_one_at_first(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match=r"tls.crt and tls.key") as ended:
        Certificate(tmp_path)
    assert ended.value.reason == "InvalidConfig"
