"""Errors of requests to the API server, with a type for each cause."""

import re
from collections.abc import Mapping
from typing import Any

_DENIED = re.compile(r"admission webhook .* denied|AdmissionPolicy .* denied", re.DOTALL)
_NOT_CALLED = "failed calling webhook"
ALREADY_EXISTS = "AlreadyExists"
"""Reason of a Conflict: an object of that name already exists."""


class ApiError(Exception):
    """A request to the API server failed.

    Args:
        status: HTTP status, or 0 without a response.
        reason: The `reason` of the API server's Status, such as AlreadyExists.
        message: The `message` of the API server's Status.
        retry_after: Seconds of the Retry-After header; 0 without it.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class NotFound(ApiError):
    """The object does not exist (404), or the API server no longer has the requested resourceVersion (410)."""


class Conflict(ApiError):
    """The object already exists, has another UID than expected, or has changed since it was read (409)."""


class Rejected(ApiError):
    """The API server, an admission webhook or an admission policy rejects the request."""

    @property
    def by_policy(self) -> bool:
        """True if, by its message, an admission webhook or policy denied the request. A retry may succeed."""
        return _DENIED.search(self.message) is not None


class Forbidden(Rejected):
    """RBAC, a quota, or an admission webhook or policy forbids the request (403, or a denial with another status)."""


class Invalid(Rejected):
    """The object is invalid (400, 413, 422) for the API server, or for a webhook or policy that uses these codes."""


class Unavailable(ApiError):
    """The API server does not respond, is overloaded or fails (429, 5xx), or cannot authenticate the operator (401).

    A retry may succeed.
    """


class PageTooLarge(ApiError):
    """A page of a list exceeds its limit in bytes, so `Pages` requests a page of fewer objects."""


class AdmissionFailed(Unavailable):
    """An admission webhook cannot be called, or denies with status 401, 429 or 5xx. Only users can fix this."""


REJECTIONS = (Invalid, Forbidden, AdmissionFailed)
"""Errors of a write that a user must fix. The object's status shows the API server's message to the user."""

_ERRORS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unavailable,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    413: Invalid,
    422: Invalid,
    429: Unavailable,
}


def error_of(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> ApiError:
    """Return the error for a response of the API server.

    An admission webhook or policy chooses the HTTP status of its denial. A denial with the status of a missing object
    (404) or of a conflict (409) is Forbidden, not NotFound or Conflict.
    """
    kind = _ERRORS.get(status, Unavailable if status >= 500 else ApiError)  # noqa: PLR2004
    message = body.get("message") or f"HTTP {status}"
    denied = _DENIED.search(message) is not None
    if kind is Unavailable and (denied or _NOT_CALLED in message):
        kind = AdmissionFailed
    elif denied and kind is not Invalid:
        kind = Forbidden
    return kind(status, body.get("reason") or "", message, _retry_after(headers.get("Retry-After")))


def _retry_after(header: str | None) -> float:
    # The API server never sends a date.
    return float(header) if header and header.isdecimal() else 0
