"""Tokens of service accounts: issued by the API server, expired, or forged."""

import base64
import json
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from epochal_api.pod import TOKEN_AUDIENCE

from tests.kit.kubectl import Object, kubectl

SIGNING_KEY = Path("/var/lib/epochal-cluster/pki/service-accounts.key")


def request(namespace: str, pod: str | None = None, audience: str = TOKEN_AUDIENCE) -> str:
    """Returns a token of the default service account as the kubelet requests it for a pod, or one bound to no pod."""
    bound = ["--bound-object-kind", "Pod", "--bound-object-name", pod] if pod else []
    return kubectl("create", "token", "default", "--namespace", namespace, "--audience", audience, *bound).strip()


def issued(token: str, *, ago: float, seconds: float) -> str:
    """Returns a token with the same claims, signed by the API server's key for another time.

    Args:
        token: A token of the local cluster.
        ago: How long ago it was issued, in seconds.
        seconds: How long it is valid from then on.
    """
    key = serialization.load_pem_private_key(SIGNING_KEY.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _signed(token, key, ago=ago, seconds=seconds)


def forged(token: str) -> str:
    """Returns a token with the same claims, signed with another key."""
    return _signed(token, ec.generate_private_key(ec.SECP256R1()), ago=0, seconds=600)


def _signed(token: str, key: ec.EllipticCurvePrivateKey, *, ago: float, seconds: float) -> str:
    header, claims = (_decoded(part) for part in token.split(".")[:2])
    begin = int(time.time() - ago)
    text = f"{_encoded(header)}.{_encoded(claims | {'iat': begin, 'nbf': begin, 'exp': begin + int(seconds)})}"
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    # https://www.rfc-editor.org/rfc/rfc7518#section-3.4
    return f"{text}.{_base64url(r.to_bytes(32) + s.to_bytes(32))}"


def _decoded(part: str) -> Object:
    found: Object = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _encoded(part: Object) -> str:
    return _base64url(json.dumps(part, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
