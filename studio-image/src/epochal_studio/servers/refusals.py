"""Converts error responses of model servers, and of the API server that proxies the requests, to errors for users.

No error has the status 401, because the page would then ask for another token of Kubernetes.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from epochal.client.failures import (
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    OVERLOADED,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    shortened,
)
from epochal.serving.access import NOT_REACHED, error_message, status_of_kubernetes

from epochal_studio.problems import Refusal, refuse, token_refused, too_busy
from epochal_studio.servers.requests import Answered
from epochal_studio.servers.server import Server

KEY_REQUIRED = "KeyRequired"
MAX_ERROR = 64 * 1024
"""Maximum bytes of an error response that are parsed in the event loop. The response may be larger."""
_MAX_SECONDS = 3600
_BAD_GATEWAY = 502
_REMEDIES = {
    HTTPStatus.BAD_REQUEST: (400, "Invalid", "Correct the request as the message says."),
    HTTPStatus.NOT_FOUND: (
        404,
        "NotFound",
        "If the model is for photographs, set spec.images of the ModelServer.",
    ),
    HTTPStatus.REQUEST_TIMEOUT: (408, "Timeout", "Try again, or send a smaller body."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        413,
        "TooLarge",
        "Send less at a time, or raise spec.limits of the ModelServer.",
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (415, "UnsupportedType", "Send a photograph as PNG, JPEG or WebP."),
    HTTPStatus.TOO_MANY_REQUESTS: (429, "Overloaded", "Try again in a few seconds, or raise spec.replicas."),
    HTTPStatus.SERVICE_UNAVAILABLE: (503, "NotReady", "Try again in a few seconds."),
}


class Right(NamedTuple):
    """A right in Kubernetes RBAC that a request through the API server's proxy needs.

    Args:
        verb: The verb, such as create.
        resource: The resource, such as services/proxy.
    """

    verb: str
    resource: str


DESCRIBE, PREDICT = Right("get", "services/proxy"), Right("create", "services/proxy")
MEASURE = Right("get", "pods/proxy")


def refusal(server: Server, right: Right, answered: Answered, *, has_key: bool = False) -> Refusal:
    """Return the error for the user from a response with an error status, of the model server or the API server.

    Args:
        server: The ModelServer.
        right: The right that the request needs.
        answered: The response.
        has_key: Whether the request had an API key of the model server.
    """
    body = answered.body[:MAX_ERROR]
    found = status_of_kubernetes(body)
    if found is not None:
        return _of_api_server(server, right, answered.status, shortened(str(found.get("message") or "")))
    if answered.status == UNAUTHORIZED:
        return _key_required(server, has_key=has_key)
    return _of_model_server(server, answered.status, answered.headers, error_message(body))


def not_ready(server: Server, message: str = "") -> Refusal:
    """Return the error 503 for a ModelServer without a ready pod.

    Args:
        server: The ModelServer.
        message: Why no pod answers. Default: the message of the condition Ready.
    """
    reason = message or server.message
    return refuse(
        503,
        "NotReady",
        f"ModelServer {server.name} does not answer, its state is {server.state}{f': {reason}' if reason else '.'}",
        "See the Events on the page of the ModelServer. The page shows the model as soon as a pod answers.",
        {"Retry-After": "5"},
    )


def forbidden(server: Server, right: Right) -> Refusal:
    """Return the error 403 for a user whose token lacks a right to send requests to a ModelServer's pods."""
    return refuse(
        FORBIDDEN,
        "Forbidden",
        f"You may not send this request to the pods of ModelServer {server.name}: the right to {right.verb} "
        f"{right.resource} in the namespace {server.namespace} is missing.",
        "Ask an administrator for this right. The ClusterRole edit has it, and view does not.",
    )


def _key_required(server: Server, *, has_key: bool) -> Refusal:
    # The message of the server names a header that the API server's proxy removes.
    cause = "does not know this key" if has_key else "asks for a key"
    remedy = "Enter a key of the Secret that spec.auth of the ModelServer names."
    return refuse(FORBIDDEN, KEY_REQUIRED, f"ModelServer {server.name} {cause}.", remedy)


def _of_model_server(server: Server, status: int, headers: Mapping[str, str], message: str) -> Refusal:
    said = f"ModelServer {server.name}: {message or f'HTTP {status}'}"
    if status in _REMEDIES:
        code, reason, remedy = _REMEDIES[HTTPStatus(status)]
        seconds = headers.get("Retry-After", "")
        is_number = seconds.isascii() and seconds.isdecimal() and len(seconds) < len(str(_MAX_SECONDS)) + 1
        kept = {"Retry-After": str(min(int(seconds), _MAX_SECONDS))} if is_number else {}
        return refuse(code, reason, said, remedy, kept)
    return refuse(
        _BAD_GATEWAY, "ServerFailed", said, f"See the log of its pods: `kubectl logs deployment/{server.name}`."
    )


def _of_api_server(server: Server, right: Right, status: int, message: str) -> Refusal:
    if status == UNAUTHORIZED:
        # The ModelServer was read with the same token a moment ago. A model server could also send this answer.
        return token_refused()
    if status == FORBIDDEN:
        return forbidden(server, right)
    if status == TOO_MANY_REQUESTS:
        return too_busy(f"The API server has too many requests, and refuses this request for now: {message}")
    if server.is_ready and NOT_REACHED in message:
        return refuse(
            _BAD_GATEWAY,
            "Unreachable",
            f"The API server does not reach the pods of ModelServer {server.name}: {message}",
            "Allow the addresses of the API server in serverNetworkPolicy.from of Epochal's chart.",
        )
    if status in {NOT_FOUND, CONFLICT, *OVERLOADED} or NOT_REACHED in message:
        return not_ready(server, message if server.is_ready else "")
    return refuse(
        _BAD_GATEWAY,
        "Unreachable",
        f"The API server did not pass on the request to ModelServer {server.name}: {message or f'HTTP {status}'}",
        "Try again in a minute. If it fails again, ask an administrator of the cluster.",
    )
