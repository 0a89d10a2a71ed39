"""Requests and answers about the session."""

from datetime import datetime
from typing import Annotated

from epochal_api.model import Model
from pydantic import Field


class SignIn(Model):
    """A request to sign in with a bearer token of Kubernetes."""

    token: Annotated[str, Field(min_length=1, max_length=16_384)]


class Session(Model):
    """The signed-in user, and the session."""

    user: str
    """Name of the user in Kubernetes to whom the token belongs."""
    expires: datetime | None
    """End of the session; behind a proxy, expiry of the token, or None if it is unknown."""
    namespaces: list[str] | None
    """Names of all namespaces; None if the user may not list namespaces, and must type a name."""
    is_proxied: bool
    """Whether a proxy in front of Studio sends the token, so that signing out is the proxy's task."""
    storage_endpoints: list[str]
    """Addresses of the S3 services that Studio may connect to."""
