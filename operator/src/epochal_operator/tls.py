"""The certificate of the progress endpoint: the operator's own authority signs it, one Secret keeps both.

The authority outlives the certificate, so that a pod started before a renewal or an upgrade still reports after it.
"""

import asyncio
import base64
import binascii
import logging
import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from epochal_operator.kube import ApiError, Conflict, Kube, NotFound

AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=90)
RENEWED_BEFORE = CERTIFICATE_LIFE / 3
CLOCK_SKEW = timedelta(hours=1)
"""How far the clocks of nodes may be behind ours."""

CHECK_SECONDS = 3600.0
RETRY_SECONDS = 5.0
TRIES = 5
"""How often to start over when another replica has changed the Secret meanwhile."""

_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
)
_KEYS = ("ca.crt", "ca.key", "tls.crt", "tls.key")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bundle:
    """The authority and the certificate that it signed, each with its private key, as PEM.

    Args:
        authority: Certificate of the authority: what a client trusts.
        authority_key: Private key of the authority.
        certificate: Certificate of the server.
        key: Private key of the server.
    """

    authority: bytes
    authority_key: bytes
    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Bundle(...)"

    @classmethod
    def from_secret(cls, data: Mapping[str, str]) -> Self | None:
        """Returns the bundle in a Secret's data (base64), or None if a part is missing or is no base64."""
        try:
            parts = [base64.b64decode(data.get(key, ""), validate=True) for key in _KEYS]
        except (binascii.Error, ValueError):
            return None
        return cls(*parts) if all(parts) else None

    def to_secret(self) -> dict[str, str]:
        """Returns the bundle as a Secret's data."""
        return {key: base64.b64encode(part).decode() for key, part in zip(_KEYS, astuple(self), strict=True)}


def service_names(service: str) -> list[str]:
    """Returns all names of a service inside the cluster.

    Args:
        service: NAME.NAMESPACE.svc.
    """
    name, namespace = service.split(".")[:2]
    return [name, f"{name}.{namespace}", f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.cluster.local"]


def authority_fault(bundle: Bundle, now: datetime) -> str | None:
    """Returns why the bundle's authority can sign no more certificates, or None if it can."""
    try:
        authority = x509.load_pem_x509_certificate(bundle.authority)
        key = serialization.load_pem_private_key(bundle.authority_key, password=None)
        authority.verify_directly_issued_by(authority)
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    except _UNREADABLE as error:
        return f"the authority cannot be read: {error or type(error).__name__}"
    if not constraints.ca:
        return "ca.crt is not an authority's certificate"
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != authority.public_key():
        return "ca.key does not belong to ca.crt"
    if not authority.not_valid_before_utc <= now <= authority.not_valid_after_utc - CERTIFICATE_LIFE:
        return f"the authority ends at {authority.not_valid_after_utc:%F}, before a new certificate would"
    return None


def certificate_fault(bundle: Bundle, names: Sequence[str], now: datetime) -> str | None:
    """Returns why the bundle's certificate must be made anew, or None if it need not.

    Args:
        bundle: The bundle, whose authority is sound.
        names: DNS names that the certificate must hold.
        now: The time, with its zone.
    """
    try:
        certificate = x509.load_pem_x509_certificate(bundle.certificate)
        key = serialization.load_pem_private_key(bundle.key, password=None)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(bundle.authority))
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _UNREADABLE as error:
        return f"the certificate cannot be read or is not signed by ca.crt: {error or type(error).__name__}"
    if key.public_key() != certificate.public_key():
        return "tls.key does not belong to tls.crt"
    if missing := set(names) - set(found.get_values_for_type(x509.DNSName)):
        return f"the certificate lacks the names {sorted(missing)}"
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - RENEWED_BEFORE:
        return f"the certificate ends at {certificate.not_valid_after_utc:%F}"
    return None


def fault(bundle: Bundle | None, names: Sequence[str], now: datetime) -> str | None:
    """Returns what must be renewed and why, or None if the bundle can serve as it is."""
    if bundle is None:
        return "there is no certificate yet"
    return authority_fault(bundle, now) or certificate_fault(bundle, names, now)


def renew(bundle: Bundle | None, names: Sequence[str], now: datetime) -> Bundle:
    """Returns a bundle with a new certificate, signed by the same authority if that is sound, else by a new one."""
    if bundle is None or authority_fault(bundle, now) is not None:
        authority, authority_key = _make_authority(now)
    else:
        authority, authority_key = bundle.authority, bundle.authority_key
    certificate, key = _make_certificate(authority, authority_key, names, now)
    return Bundle(authority, authority_key, certificate, key)


def _make_authority(now: datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("epochal authority")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate, key)


def _make_certificate(
    authority: bytes, authority_key: bytes, names: Sequence[str], now: datetime
) -> tuple[bytes, bytes]:
    issuer = x509.load_pem_x509_certificate(authority)
    issuer_key = serialization.load_pem_private_key(authority_key, password=None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key must be of an elliptic curve")
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name("epochal"), issuer.subject, key, now, CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pem(certificate, key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


async def ensure(kube: Kube, namespace: str, name: str, names: Sequence[str], known: Bundle | None = None) -> Bundle:
    """Returns the bundle in a Secret, after renewing what is due.

    Two replicas may do this at once: the one that writes second finds the other's bundle and takes it.

    Args:
        kube: The API server.
        namespace: Namespace of the Secret.
        name: Name of the Secret. It must exist; it may be empty.
        names: DNS names that the certificate must hold.
        known: The bundle in use, which goes back into a Secret that has lost it: pods out there trust its authority.

    Raises:
        ApiError: If the Secret does not exist, may not be read or written, or changes again and again.
    """
    for _ in range(TRIES):
        try:
            secret = await kube.get_secret(namespace, name)
        except NotFound as error:
            message = f"Secret {name} must exist in namespace {namespace}, empty at first: the chart creates it"
            raise NotFound(error.status, error.reason, message) from error
        now = datetime.now(UTC)
        found = Bundle.from_secret(secret.get("data") or {})
        if (why := fault(found, names, now)) is None and found is not None:
            return found
        if found is None or authority_fault(found, now) is not None:
            found = known
        made = found if found is not None and fault(found, names, now) is None else renew(found, names, now)
        try:
            await kube.replace_secret(secret | {"data": (secret.get("data") or {}) | made.to_secret()})
        except Conflict:
            continue
        _log.info("wrote Secret %s: %s", name, why)
        return made
    raise Conflict(409, "Conflict", f"Secret {name} in namespace {namespace} changes faster than it can be written")


class ServingCertificate:
    """The certificate that the progress endpoint serves, kept valid while the process runs.

    Args:
        kube: The API server.
        namespace: Namespace of the Secret.
        secret: Name of the Secret.
        service: The service that it stands for: NAME.NAMESPACE.svc.

    Attributes:
        context: What to serve with; renewals change it in place.
        loaded: Set once there is a certificate.
    """

    def __init__(self, kube: Kube, namespace: str, secret: str, service: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._secret = secret
        self._names = service_names(service)
        self._bundle: Bundle | None = None
        self.loaded = asyncio.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3

    @property
    def authority(self) -> str:
        """The authority that a client must trust, as PEM.

        Raises:
            RuntimeError: If nothing is loaded yet.
        """
        if self._bundle is None:
            raise RuntimeError("the certificate is not loaded yet")
        return self._bundle.authority.decode()

    async def load(self) -> None:
        """Renews what is due and loads it: connections made from now on get it.

        Raises:
            ApiError: As `ensure` does; what was loaded before goes on serving.
        """
        bundle = await ensure(self._kube, self._namespace, self._secret, self._names, self._bundle)
        if bundle != self._bundle:
            load_bundle(self.context, bundle)
            self._bundle = bundle
            self.loaded.set()

    async def keep(self) -> None:
        """Loads the certificate and keeps it valid, until cancelled; an API server that is away is asked again."""
        while True:
            try:
                await self.load()
            except ApiError as error:
                _log.warning("the certificate was not checked: %s", error)
                await asyncio.sleep(RETRY_SECONDS if self._bundle is None else CHECK_SECONDS)
            else:
                await asyncio.sleep(CHECK_SECONDS)


def load_bundle(context: ssl.SSLContext, bundle: Bundle) -> None:
    """Puts a bundle's certificate and key into a context."""
    # The ssl module takes files only. This one lies in memory: the key touches no disk and none need be writable.
    file = os.memfd_create("tls.pem")
    try:
        os.write(file, bundle.key + bundle.certificate)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
