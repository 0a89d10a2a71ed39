"""What becomes of a request to the API server if it is not done: each kind of error is a type."""

import re
from collections.abc import Mapping
from typing import Any

_DENIED = re.compile(r"admission webhook .* denied|AdmissionPolicy .* denied", re.DOTALL)
_NOT_CALLED = "failed calling webhook"
ALREADY_EXISTS = "AlreadyExists"
"""Reason of a Conflict: an object of that name is there."""


class ApiError(Exception):
    """The API server did not do what was asked.

    Args:
        status: HTTP status, or 0 where no answer came.
        reason: The server's reason in one word, such as AlreadyExists.
        message: The server's message.
        retry_after: Seconds that the server wants to be left alone.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class NotFound(ApiError):
    """There is no such object (404)."""


class Conflict(ApiError):
    """The object exists already, is another one than expected, or has changed meanwhile (409)."""


class Refused(ApiError):
    """It is not to be done as it was asked: by the API's own rules, or by those of an admission webhook or policy."""

    @property
    def by_policy(self) -> bool:
        """Whether an admission webhook or policy has denied it, which may change its mind: only its words tell."""
        return _DENIED.search(self.message) is not None


class Forbidden(Refused):
    """Access rules, a quota or an admission policy forbid it (403)."""


class Invalid(Refused):
    """The object breaks the API's rules (400, 413, 422), or those of an admission policy that answers so, too."""


class Unavailable(ApiError):
    """No answer in time, too much to do (429, 5xx), or it cannot tell yet who asks (401): later it may work."""


class PageTooLarge(ApiError):
    """A page of a list exceeds the limit in bytes. The client asks again for a page of fewer objects."""


class AdmissionFailed(Unavailable):
    """An admission webhook cannot be called, or denies with a code of its own trouble: only its users can mend that."""


REFUSALS = (Invalid, Forbidden, AdmissionFailed)
"""What is wrong with what was to be written, or in its way: the user is to be told the API server's words."""

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


def error_of(status: int, answer: Mapping[str, Any], headers: Mapping[str, str]) -> ApiError:
    """Returns the error that an answer tells of.

    Whoever denies chooses the code, too: it is a denial even where the code says that there is no such object, or that
    it has changed.

    Args:
        status: Its HTTP status.
        answer: Its body as JSON: a Status.
        headers: Its headers.
    """
    kind = _ERRORS.get(status, Unavailable if status >= 500 else ApiError)  # noqa: PLR2004
    message = answer.get("message") or f"HTTP {status}"
    denied = _DENIED.search(message) is not None
    if kind is Unavailable and (denied or _NOT_CALLED in message):
        kind = AdmissionFailed
    elif denied and kind is not Invalid:
        kind = Forbidden
    return kind(status, answer.get("reason") or "", message, _seconds(headers.get("Retry-After")))


def _seconds(header: str | None) -> float:
    """Returns the seconds in a Retry-After, or 0 where there is none, or a date, which the API server never gives."""
    return float(header) if header and header.isdecimal() else 0
