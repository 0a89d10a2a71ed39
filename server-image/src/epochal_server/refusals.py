"""The errors of requests, which each protocol encodes in its own form."""

import math
from collections.abc import Mapping
from http import HTTPStatus

from epochal_api.text import printable

MAX_MESSAGE = 2000
"""Maximum number of characters of a message. A longer message is cut: it may repeat content of the request."""


class Refused(Exception):
    """The base class of the errors for requests that the server refuses or cannot answer.

    Args:
        message: What was expected, what was found, and what to do. Control characters are escaped, because the message
            may repeat content of the request.
        headers: Further headers of the response, in addition to those of the protocol.

    Attributes:
        status: HTTP status of the response.
    """

    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        text = printable(message[: MAX_MESSAGE + 1])  # the message may hold a name as long as the body
        self.message = text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 1]}…"
        self.headers: Mapping[str, str] = headers or {}
        super().__init__(self.message)


class Invalid(Refused):
    """The request is invalid, so a retry of the same request cannot succeed."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorized(Refused):
    """The request has no valid API key."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, message: str) -> None:
        super().__init__(message, {"WWW-Authenticate": "Bearer"})


class CrossOrigin(Refused):
    """A browser sent the request for a web page of another origin, to a server without keys."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, header: str, expected: str, found: str) -> None:
        super().__init__(
            f"{header}: expected {expected}, found {found}: a server without API keys refuses requests of web pages of "
            "other origins: set spec.auth of the ModelServer, or open the page at the server's own address"
        )


class Unknown(Refused):
    """The path or model in the request does not exist on this server, or the model takes no photographs."""

    status = HTTPStatus.NOT_FOUND


class TooSlow(Refused):
    """The request's body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooLarge(Refused):
    """The request, an image in it, or its answer exceeds a limit of bytes or pixels."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Unsupported(Refused):
    """The media type of the request's body is not supported."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Busy(Refused):
    """The server has more requests than it can queue or store in memory, so the client must retry later."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, _retry_after(seconds))


class Failed(Refused):
    """The request is valid, but the model or the server failed to answer it."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class NotReady(Refused):
    """The model is not loaded yet, or the server is shutting down."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, message: str, seconds: float = 1) -> None:
        super().__init__(message, _retry_after(seconds))


def _retry_after(seconds: float) -> Mapping[str, str]:
    """Return the header Retry-After: `seconds` rounded up to whole seconds, at least 1."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
