"""Certificates and kubeconfigs: one certificate authority, and an identity for each component that RBAC knows."""

import base64
import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import network
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paths import KUBECONFIG, PKI

NODE = "epochal"
API_SERVER = "https://127.0.0.1:6443"
SERVICE_ACCOUNT_PUBLIC_KEY = PKI / "service-accounts.pub"
VALID = dt.timedelta(days=3650)


@dataclass(frozen=True)
class Identity:
    """The subject of a certificate.

    Attributes:
        file: the name of its files.
        group: the organization; empty for none.
        hosts: names and addresses, for one that serves.
    """

    file: str
    user: str
    group: str = ""
    hosts: tuple[str, ...] = ()


API_SERVER_NAMES = (
    *("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"),
    *(f"kubernetes.default.svc.{network.DOMAIN}", "127.0.0.1", network.API_SERVICE, network.NODE_ADDRESS),
)
SERVERS = (
    Identity("kube-apiserver", "kube-apiserver", hosts=API_SERVER_NAMES),
    Identity("kubelet-server", f"system:node:{NODE}", "system:nodes", hosts=(NODE, network.NODE_ADDRESS)),
)
CLIENTS = (
    Identity("admin", "epochal-admin", "system:masters"),
    Identity("kube-apiserver-kubelet-client", "kube-apiserver-kubelet-client"),
    Identity("kube-controller-manager", "system:kube-controller-manager"),
    Identity("kube-proxy", "system:kube-proxy"),
    Identity("kube-scheduler", "system:kube-scheduler"),
    Identity("kubelet", f"system:node:{NODE}", "system:nodes"),
)


def certificate(name: str) -> Path:
    return PKI / f"{name}.crt"


def key(name: str) -> Path:
    return PKI / f"{name}.key"


def kubeconfig(name: str) -> Path:
    return KUBECONFIG if name == "admin" else PKI / f"{name}.kubeconfig"


def ensure() -> None:
    """Makes every certificate, key and kubeconfig, unless they are there."""
    complete = PKI / "complete"
    if complete.exists():
        return
    PKI.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority_key = _write_key("ca")
    authority = _authority(authority_key)
    _write_certificate("ca", authority)
    for identity in (*SERVERS, *CLIENTS):
        _write_certificate(identity.file, _issue(identity, _write_key(identity.file), authority, authority_key))
    for identity in CLIENTS:
        _write_kubeconfig(identity.file)
    service_accounts = _write_key("service-accounts")
    SERVICE_ACCOUNT_PUBLIC_KEY.write_bytes(
        service_accounts.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    complete.touch()


def _builder(subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + VALID)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(private: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "epochal local cluster")])
    return (
        _builder(name, name, private.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .sign(private, hashes.SHA256())
    )


def _issue(
    identity: Identity,
    private: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, identity.user)]
    if identity.group:
        subject.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.group))
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if identity.hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(x509.Name(subject), authority.subject, private.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    if identity.hosts:
        names = x509.SubjectAlternativeName([_alternative_name(host) for host in identity.hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_key(name: str) -> ec.EllipticCurvePrivateKey:
    private = ec.generate_private_key(ec.SECP256R1())
    key(name).touch(mode=0o600)
    key(name).write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return private


def _write_certificate(name: str, issued: x509.Certificate) -> None:
    certificate(name).write_bytes(issued.public_bytes(serialization.Encoding.PEM))


def _write_kubeconfig(name: str) -> None:
    def data(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "epochal",
                "cluster": {"server": API_SERVER, "certificate-authority-data": data(certificate("ca"))},
            }
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": data(certificate(name)),
                    "client-key-data": data(key(name)),
                },
            }
        ],
        "contexts": [{"name": "epochal", "context": {"cluster": "epochal", "user": name}}],
        "current-context": "epochal",
    }
    kubeconfig(name).touch(mode=0o600)
    kubeconfig(name).write_text(yaml.safe_dump(config, sort_keys=False))
