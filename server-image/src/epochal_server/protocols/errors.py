"""Encodes errors in the form of each protocol."""

import secrets
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import orjson

from epochal_server.refusals import Refused

WATSON = ("watson-v3", "watson-v4")
CODES = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "invalid_request_entity",
        HTTPStatus.UNAUTHORIZED: "authentication_token_not_valid",
        HTTPStatus.FORBIDDEN: "forbidden",
        HTTPStatus.NOT_FOUND: "deployment_does_not_exist",
        HTTPStatus.REQUEST_TIMEOUT: "request_timeout",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_entity_too_large",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
        HTTPStatus.TOO_MANY_REQUESTS: "too_many_requests",
        HTTPStatus.SERVICE_UNAVAILABLE: "service_unavailable",
    }
)


def body(refused: Refused, protocol: str) -> bytes:
    """Return the JSON body of the response to a refused request.

    Args:
        refused: The error.
        protocol: Protocol of the request, such as watson-v4.
    """
    if protocol not in WATSON:
        return orjson.dumps({"error": refused.message})
    told: dict[str, Any] = {
        "trace": secrets.token_hex(16),
        "errors": [{"code": CODES.get(refused.status, "internal_error"), "message": refused.message}],
    }
    if protocol == "watson-v4":
        told["status_code"] = int(refused.status)
    return orjson.dumps(told)
