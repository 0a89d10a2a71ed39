"""The progress endpoint's certificate and the operator's own certificate authority: checks and renewals.

The authority outlives the certificate, so that a pod that started before a renewal or an upgrade can still report.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_TTL = timedelta(days=3650)
PREPARED_BEFORE = timedelta(days=365)
"""Time for which new pods also trust the next authority before that signs certificates. Few jobs train for longer."""
CERTIFICATE_TTL = timedelta(days=90)
RENEWED_BEFORE = CERTIFICATE_TTL / 3
CLOCK_SKEW = timedelta(hours=1)
"""Time before its issue from which a certificate is valid: a node's clock may lag behind the operator's clock."""

_PARSE_ERRORS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
)
KEYS = ("ca.crt", "ca.key", "tls.crt", "tls.key", "next-ca.crt", "next-ca.key")
"""Keys of the Secret's data. The last two exist only while a rotation of the authority is prepared."""

Rotation = Literal["prepare", "finish"]
"""A requested step of the authority's rotation.

`prepare` adds the next authority, which new pods also trust. `finish` replaces the authority by the next authority.
"""


@dataclass(frozen=True)
class Bundle:
    """The authority, its server certificate, and the next authority during a rotation: PEM, with their private keys.

    Args:
        authority: Certificate of the authority, which clients trust.
        authority_key: Private key of the authority.
        certificate: Certificate of the server.
        key: Private key of the server.
        next_authority: Certificate of the next authority, which new pods already trust; empty without one.
        next_authority_key: Private key of the next authority.
    """

    authority: bytes
    authority_key: bytes
    certificate: bytes
    key: bytes
    next_authority: bytes = b""
    next_authority_key: bytes = b""

    def __repr__(self) -> str:
        return "Bundle(...)"

    @classmethod
    def from_secret(cls, data: Mapping[str, str]) -> Self | None:
        """Return the bundle in a Secret's data; None if ca.crt, ca.key, tls.crt or tls.key is missing or not base64."""
        parts = [_decode(data.get(key, "")) for key in KEYS]
        return cls(*parts) if all(parts[:4]) else None

    def to_secret(self) -> dict[str, str]:
        """Return the bundle as a Secret's data."""
        parts = zip(KEYS, astuple(self), strict=True)
        return {key: base64.b64encode(part).decode() for key, part in parts if part}

    @property
    def trusted(self) -> bytes:
        """The certificates that clients must trust, as PEM: of the authority, and of the next authority if any."""
        return self.authority + self.next_authority

    def promoted(self) -> "Bundle":
        """Return a bundle with the next authority as its authority. The caller must renew the server certificate."""
        return Bundle(self.next_authority, self.next_authority_key, self.certificate, self.key)


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def service_names(service: str) -> list[str]:
    """Return all DNS names of a Service, as NAME.NAMESPACE.svc, inside the cluster."""
    name, namespace = service.split(".")[:2]
    return [name, f"{name}.{namespace}", f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.cluster.local"]


def renew_due(
    stored: Bundle | None, loaded: Bundle | None, names: Sequence[str], rotation: Rotation | None, now: datetime
) -> tuple[Bundle, str]:
    """Return the bundle to use, with due renewals, and the reason if it differs from the bundle in the Secret.

    Args:
        stored: The bundle in the Secret; None without a bundle.
        loaded: The bundle that the server uses now. It replaces a bundle that is missing or has an invalid authority.
        names: DNS names that the certificate must contain.
        rotation: The requested rotation step. `finish` without a next authority replaces the authority at once.
        now: The time, with a time zone.
    """
    bundle, reason = stored, ""
    if bundle is None or (_authority_fault(bundle, now) and not _has_next(bundle, now)):
        bundle, reason = loaded, renewal_reason(stored, names, now) or ""
    if bundle is not None and (rotation == "finish" or _authority_fault(bundle, now)):
        if _has_next(bundle, now):
            bundle, reason = bundle.promoted(), "replaced the certificate authority by the next one of the rotation"
        else:
            bundle, reason = (
                None,
                "replaced the certificate authority at once: running trainers do not trust the new authority",
            )
    if (cause := renewal_reason(bundle, names, now)) is not None or bundle is None:
        reason = reason or cause or ""
        bundle = renew(bundle, names, now)
    expiry = x509.load_pem_x509_certificate(bundle.authority).not_valid_after_utc
    expires_soon = expiry - CERTIFICATE_TTL - PREPARED_BEFORE < now
    if (rotation == "prepare" or expires_soon) and not _has_next(bundle, now):
        authority, key = _issue(None, (), now, AUTHORITY_TTL)
        bundle = replace(bundle, next_authority=authority, next_authority_key=key)
        reason = reason or "added the next certificate authority for a rotation"
    return bundle, reason


def renewal_reason(bundle: Bundle | None, names: Sequence[str], now: datetime) -> str | None:
    """Return the reason why the authority or the server certificate must be renewed, or None if both are valid.

    The server certificate must contain all DNS names in `names`.
    """
    if bundle is None:
        return "the Secret has no TLS certificate yet"
    return _authority_fault(bundle, now) or _certificate_fault(bundle, names, now)


def renew(bundle: Bundle | None, names: Sequence[str], now: datetime) -> Bundle:
    """Return a bundle with a new server certificate, and with a new authority if the old authority is invalid."""
    if bundle is None or _authority_fault(bundle, now) is not None:
        authority = _issue(None, (), now, AUTHORITY_TTL)
    else:
        authority = bundle.authority, bundle.authority_key
    next_pair = (bundle.next_authority, bundle.next_authority_key) if bundle else ()
    return Bundle(*authority, *_issue(authority, names, now, CERTIFICATE_TTL), *next_pair)


def _authority_fault(bundle: Bundle, now: datetime) -> str | None:
    """Return the reason why the bundle's authority cannot sign a new server certificate, or None if it can."""
    try:
        authority = x509.load_pem_x509_certificate(bundle.authority)
        key = serialization.load_pem_private_key(bundle.authority_key, password=None)
        authority.verify_directly_issued_by(authority)
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    except _PARSE_ERRORS as error:
        return f"cannot read the authority: {error or type(error).__name__}"
    if not constraints.ca:
        return "ca.crt is not an authority's certificate"
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != authority.public_key():
        return "ca.key does not belong to ca.crt"
    if not authority.not_valid_before_utc <= now <= authority.not_valid_after_utc - CERTIFICATE_TTL:
        return f"the authority expires at {authority.not_valid_after_utc:%F}, before a new certificate would"
    return None


def _has_next(bundle: Bundle, now: datetime) -> bool:
    return bool(bundle.next_authority) and _authority_fault(bundle.promoted(), now) is None


def _certificate_fault(bundle: Bundle, names: Sequence[str], now: datetime) -> str | None:
    """Return the reason why the server certificate of a bundle with a valid authority must be renewed, or None."""
    try:
        certificate = x509.load_pem_x509_certificate(bundle.certificate)
        key = serialization.load_pem_private_key(bundle.key, password=None)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(bundle.authority))
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _PARSE_ERRORS as error:
        return f"cannot read the certificate, or it is not signed by ca.crt: {error or type(error).__name__}"
    if key.public_key() != certificate.public_key():
        return "tls.key does not belong to tls.crt"
    if missing := set(names) - set(found.get_values_for_type(x509.DNSName)):
        return f"the certificate lacks the names {sorted(missing)}"
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - RENEWED_BEFORE:
        return f"the certificate expires at {certificate.not_valid_after_utc:%F}"
    return None


def _issue(
    authority: tuple[bytes, bytes] | None, names: Sequence[str], now: datetime, ttl: timedelta
) -> tuple[bytes, bytes]:
    """Return a new certificate and its private key, as PEM.

    Args:
        authority: Certificate and key of the authority that signs a server certificate; None for a new authority.
        names: DNS names of the server certificate.
        now: The time, with a time zone.
        ttl: Lifetime of the certificate.
    """
    key, ca = ec.generate_private_key(ec.SECP256R1()), authority is None
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "epochal authority" if ca else "epochal")])
    issuer, issuer_key, issuer_identifier = subject, key, identifier
    if authority is not None:
        parent = x509.load_pem_x509_certificate(authority[0])
        parent_key = serialization.load_pem_private_key(authority[1], password=None)
        if not isinstance(parent_key, ec.EllipticCurvePrivateKey):
            raise TypeError("ca.key must be the key of an elliptic curve")
        issuer, issuer_key = parent.subject, parent_key
        issuer_identifier = parent.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    usage = dict.fromkeys((*unused, "encipher_only", "decipher_only"), False)
    authority_identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_identifier)
    builder = (
        x509.CertificateBuilder(issuer_name=issuer, subject_name=subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + ttl)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, **usage), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(authority_identifier, critical=False)
    )
    if not ca:
        alternative_names = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(alternative_names, critical=False)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    return certificate.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
