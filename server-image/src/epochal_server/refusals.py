"""What is not answered, and why: the one set of errors that all protocols tell in their own forms."""

import math
from collections.abc import Mapping
from http import HTTPStatus

from epochal_api.text import printable

SHOWN = 2000
"""Characters of a message: it may repeat what a request held."""


class Refused(Exception):
    """A request that gets no answer from the model.

    Args:
        message: What was found, what must hold, and what to do. Control characters in it are spelled out: what a
            request held may stand in it.
        headers: Headers that the response has, beside those of its protocol.

    Attributes:
        status: Its status in HTTP.
    """

    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        text = printable(message[: SHOWN + 1])  # a name in it may have as many characters as a body has bytes
        self.message = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
        self.headers: Mapping[str, str] = headers or {}
        super().__init__(self.message)


class Invalid(Refused):
    """The request is not what it must be: nothing but another request helps."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorized(Refused):
    """The request bears no key, or none that is known."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, message: str) -> None:
        super().__init__(message, {"WWW-Authenticate": "Bearer"})


class CrossOrigin(Refused):
    """A web page of another origin has made its reader's browser send the request, to a server without keys.

    Args:
        header: The header that says so.
        expected: Its value in requests that are answered.
        found: Its value.
    """

    status = HTTPStatus.FORBIDDEN

    def __init__(self, header: str, expected: str, found: str) -> None:
        super().__init__(
            f"{header}: expected {expected}, found {found}: a page of another origin may not use a server without "
            "keys: set spec.auth of the ModelServer, or open the page by the server's own address"
        )


class Unknown(Refused):
    """What the request names is not served here."""

    status = HTTPStatus.NOT_FOUND


class TooSlow(Refused):
    """The request's body did not come in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooLarge(Refused):
    """The request, or a picture in it, is over a limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Unsupported(Refused):
    """The request's body is of a type that is not taken."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Busy(Refused):
    """As many requests wait as may."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, _retry_after(seconds))


class Failed(Refused):
    """The model could not compute an answer, though the request is as it must be."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class NotReady(Refused):
    """The model is not loaded, or the server ends."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, message: str, seconds: float = 1) -> None:
        super().__init__(message, _retry_after(seconds))


def _retry_after(seconds: float) -> Mapping[str, str]:
    """Returns the header that says when it is worth another try: whole seconds, and one at least."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
