"""Token reviews: the API server returns the identity of a bearer token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epochal_operator.runtime.resource import TOKEN_REVIEWS


@dataclass(frozen=True)
class Identity:
    """The identity of a bearer token.

    Args:
        username: User name, such as system:serviceaccount:NAMESPACE:NAME.
        namespace: Namespace of the service account, or an empty string.
        pod_name: Name of the pod to which the token is bound; empty if it is not bound.
        pod_uid: UID of this pod; empty if the token is not bound.
    """

    username: str
    namespace: str
    pod_name: str
    pod_uid: str


def token_review(token: str, audience: str) -> dict[str, Any]:
    """Return a TokenReview for a token and an audience."""
    return {
        "apiVersion": TOKEN_REVIEWS.api_version,
        "kind": TOKEN_REVIEWS.kind,
        "spec": {"token": token, "audiences": [audience]},
    }


def identity(review: Mapping[str, Any], audience: str) -> Identity | None:
    """Return the identity in a reviewed TokenReview, or None if the token is not valid for the audience."""
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
