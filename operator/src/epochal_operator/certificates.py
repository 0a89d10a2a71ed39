"""The progress endpoint's certificate and the operator's own authority that signs it: what is sound, what to renew.

The authority outlives the certificate, so that a pod started before a renewal or an upgrade still reports after it.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=90)
RENEWED_BEFORE = CERTIFICATE_LIFE / 3
CLOCK_SKEW = timedelta(hours=1)
"""How far the clocks of nodes may be behind ours."""

_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
)
_KEYS = ("ca.crt", "ca.key", "tls.crt", "tls.key")


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
