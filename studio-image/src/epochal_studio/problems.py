"""Converts errors to HTTP answers with a Problem as their body."""

from collections.abc import Mapping

from aiohttp import web
from epochal.client.failures import (
    CONFLICT,
    FORBIDDEN,
    INVALID,
    NOT_FOUND,
    OVERLOADED,
    UNAUTHORIZED,
    AnswerTooLarge,
    ApiError,
)
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal_api.model import Model, field_errors
from pydantic import ValidationError

from epochal_studio.wire.common import Problem

BUSY = "Overloaded"
"""Reason of a refusal because of a limit, after which the same request may soon succeed."""
MAX_MESSAGE = 4000
_CLIENT_ERRORS = range(400, 500)
_STATUSES = {
    ExitCode.USAGE: (400, "Invalid"),
    ExitCode.NOT_FOUND: (404, "NotFound"),
    ExitCode.REFUSED: (403, "Refused"),
    ExitCode.NO_CONNECTION: (502, "Unreachable"),
}
_TRY_AGAIN = "Try again in a minute. If it fails again, ask an administrator of the cluster."
EXPIRED = Problem(
    reason="Expired",
    message="Your sign-in has ended, or the API server no longer accepts its token.",
    remedy="Sign in with a new token.",
)
_API_ERRORS = {
    FORBIDDEN: ("Forbidden", "Ask an administrator of the cluster for this right, or choose another namespace."),
    NOT_FOUND: ("NotFound", "The object may have been deleted: go back to the list of runs."),
    CONFLICT: ("Conflict", "Another user has changed the object: compare both versions, then repeat your change."),
    INVALID: ("Invalid", "Correct the field that the message names."),
}


class Refusal(Exception):
    """An error that the middleware sends as the answer of a request.

    Args:
        status: The HTTP status, above 399.
        problem: The body of the answer.
        headers: Further headers of the answer, such as Retry-After.
    """

    def __init__(self, status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.message)
        self.status = status
        self.problem = problem
        self.headers = headers or {}


def refuse(
    status: int, reason: str, message: str, remedy: str = "", headers: Mapping[str, str] | None = None
) -> Refusal:
    """Return a Refusal with a Problem: reason, message (cut after MAX_MESSAGE characters) and remedy."""
    return Refusal(status, Problem(reason=reason, message=message[:MAX_MESSAGE], remedy=remedy), headers)


def expired() -> Refusal:
    """Return the error 401 with the reason Expired, for which the page shows the sign-in."""
    return Refusal(401, EXPIRED)


def token_refused() -> Refusal:
    """Return the error 503 for a token that the API server has refused for a short time. The session continues."""
    return refuse(
        503,
        "Unreachable",
        "The API server does not accept your token now. The API server may be restarting.",
        "Studio tries again by itself. If it still fails after a minute, sign in with a new token.",
        {"Retry-After": "5"},
    )


def too_busy(message: str, seconds: int = 2) -> Refusal:
    """Return the error 503 with the reason Overloaded, for a request above a limit.

    Args:
        message: The limit that is exceeded.
        seconds: Value of the header Retry-After.
    """
    return refuse(503, BUSY, message, "Try again in a few seconds.", {"Retry-After": str(seconds)})


def refusal_of(error: Exception) -> Refusal | None:
    """Return the answer for an expected error; None for any other exception, which is a fault of Studio.

    Expected errors are a Refusal, an error of the package `epochal` or of the API server, and an invalid body.
    """
    match error:
        case Refusal():
            return error
        case ApiError():
            return _of_api_server(error)
        case AnswerTooLarge():
            return refuse(422, "TooLarge", error.message, error.remedy)
        case EpochalError():
            status, reason = _STATUSES.get(error.exit_code, (422, "Failed"))
            # That remedy of the library names options and variables of the command.
            remedy = _TRY_AGAIN if error.exit_code == ExitCode.NO_CONNECTION else error.remedy
            return refuse(status, reason, error.message, remedy)
        case ValidationError():
            # No message contains the value: it may be a key.
            lines = field_errors(error)[:20]
            return refuse(422, "Invalid", "; ".join(lines) or "the body is invalid", "Correct these fields.")
    return None


def _of_api_server(error: ApiError) -> Refusal:
    if error.status == UNAUTHORIZED:
        return expired()
    if error.status in OVERLOADED:
        return too_busy(error.message)
    # The remedies of the library name options of the command.
    reason, remedy = _API_ERRORS.get(error.status, (error.reason or "Refused", ""))
    return refuse(error.status if error.status in _CLIENT_ERRORS else 502, reason, error.message, remedy)


def answer(body: Model, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an HTTP response with a model of wire/ as its JSON body."""
    return web.Response(
        body=body.model_dump_json().encode(), status=status, content_type="application/json", headers=headers
    )


def problem_response(refusal: Refusal) -> web.Response:
    """Return the HTTP response for a Refusal: its status, its headers, and its Problem as JSON."""
    return answer(refusal.problem, refusal.status, refusal.headers)
