"""Token reviews: whom a bearer token speaks for, as the API server tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epochal_operator.runtime.resource import TOKEN_REVIEWS


@dataclass(frozen=True)
class Identity:
    """Whom a token speaks for.

    Args:
        username: User name, such as system:serviceaccount:NAMESPACE:NAME.
        namespace: Namespace of the service account, or an empty string.
        pod_name: Pod that the token is bound to, or an empty string.
        pod_uid: That pod's uid, or an empty string.
    """

    username: str
    namespace: str
    pod_name: str
    pod_uid: str


def token_review(token: str, audience: str) -> dict[str, Any]:
    """Returns the TokenReview that asks about a token for an audience."""
    return {
        "apiVersion": TOKEN_REVIEWS.api_version,
        "kind": TOKEN_REVIEWS.kind,
        "spec": {"token": token, "audiences": [audience]},
    }


def identity(review: Mapping[str, Any], audience: str) -> Identity | None:
    """Returns whom a reviewed token speaks for, or None if it is not valid for the audience."""
    status = review.get("status", {})
    if not status.get("authenticated") or audience not in status.get("audiences", []):
        return None
    user = status.get("user", {})
    username = user.get("username", "")
    extra = user.get("extra", {})
    parts = username.split(":")
    return Identity(
        username=username,
        namespace=parts[2] if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4 else "",  # noqa: PLR2004
        pod_name=next(iter(extra.get("authentication.kubernetes.io/pod-name", [])), ""),
        pod_uid=next(iter(extra.get("authentication.kubernetes.io/pod-uid", [])), ""),
    )
