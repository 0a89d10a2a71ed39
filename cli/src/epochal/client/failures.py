"""The errors of the API server, each with a remedy and an exit code."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from epochal_api.text import printable

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, GONE, INVALID = 401, 403, 404, 409, 410, 422
TOO_MANY_REQUESTS = 429
OVERLOADED = frozenset({TOO_MANY_REQUESTS, 502, 503, 504})
"""HTTP statuses of an API server that is overloaded or unavailable for the moment."""
MAX_CAUSES = 32
_MAX_MESSAGE = 4000
_RULES = (" denied request: ", " denied the request", "exceeded quota: ")
"""Texts that are found only in refusals by admission policies, webhooks and quotas."""
_NO_KIND = "the server could not find the requested resource"
"""Message of the API server for a path that it does not serve, such as the path of a kind without a CRD."""


class Cause(NamedTuple):
    """A field of a refused object, with the reason of the refusal.

    Args:
        field: Path of the field, such as spec.training.epochs; "" if the API server names no field.
        message: The value found, and the rule that it violates.
    """

    field: str
    message: str


class AnswerTooLarge(EpochalError):
    """The answer of the API server has more bytes than the client accepts."""


class MissingObject(EpochalError):
    """The S3 bucket exists, but has no object with the requested key."""


class ApiError(EpochalError):
    """A request that the API server refused.

    Args:
        message: What failed, and the message of the API server.
        remedy: What the user can do.
        exit_code: The exit code of the command that ends with this error.
        status: The HTTP status.
        reason: `reason` in the answer, a word such as AlreadyExists; "" if the answer has none.
        causes: The invalid fields of the object, at most MAX_CAUSES.
    """

    def __init__(
        self,
        message: str,
        remedy: str,
        *,
        exit_code: ExitCode,
        status: int,
        reason: str,
        causes: Sequence[Cause] = (),
    ) -> None:
        super().__init__(message, remedy, exit_code=exit_code)
        self.status = status
        self.reason = reason
        self.causes = causes

    @property
    def is_rule(self) -> bool:
        """Whether an admission policy, an admission webhook or a ResourceQuota refused the request."""
        return any(words in self.message for words in _RULES)

    @property
    def is_object_missing(self) -> bool:
        """Whether the cluster has the kind, but no object with the requested name."""
        return self.status == NOT_FOUND and _NO_KIND not in self.message


def no_connection(address: str, cause: object) -> EpochalError:
    """Return the error for an API server that cannot be reached, or whose answer is incomplete or no JSON object."""
    return EpochalError(
        f"no connection to the API server {printable(address)}: {shortened(str(cause))}",
        "Check the address with `kubectl cluster-info`, and choose another cluster with --context or --kubeconfig.",
        exit_code=ExitCode.NO_CONNECTION,
    )


def refused(status: int, body: bytes, action: str) -> ApiError:
    """Return the error of a request that the API server refused, with a remedy for its status.

    Args:
        status: The HTTP status of the answer.
        body: The answer: a Status object of Kubernetes, or the text of an HTTP proxy before the API server.
        action: The request in the message, such as `get TrainingJob vision/mnist`.
    """
    answer = _status_object(body)
    reason = str(answer.get("reason") or "")
    found = shortened(str(answer.get("message") or body[:_MAX_MESSAGE].decode(errors="replace").strip()))
    message, remedy, exit_code = f"cannot {action}: {found or f'HTTP {status}'}", "", ExitCode.REFUSED
    if any(words in found for words in _RULES):
        remedy = "This is a rule of the cluster (policy, webhook or quota): change the object, or ask an administrator."
    elif status == UNAUTHORIZED:
        remedy = "Log in to the cluster again: the credentials of the kubeconfig are missing, wrong or expired."
    elif status == FORBIDDEN:
        remedy = "Ask an administrator of the cluster for this right, or choose another namespace with --namespace."
    elif status == NOT_FOUND:
        exit_code = ExitCode.NOT_FOUND
        remedy = "`epochal list --all-namespaces` prints the objects of all namespaces."
        if _NO_KIND in found:
            remedy = "`epochal doctor` checks whether the cluster has Epochal in the version of this command."
    elif reason == "AlreadyExists":
        remedy = "Choose another name, or delete the object first."
    elif status == CONFLICT:
        remedy = "Another client has changed the object meanwhile: read the object again, and repeat the command."
    elif status == INVALID:
        remedy = "`epochal check FILE` names the line and column of each problem of a file."
    elif status in OVERLOADED:
        exit_code = ExitCode.NO_CONNECTION
        remedy = "Repeat the command in a minute."
    return ApiError(message, remedy, exit_code=exit_code, status=status, reason=reason, causes=_causes(answer))


def shortened(text: str) -> str:
    """Return a text of another program for a message: at most 4,000 characters, without control characters."""
    return printable(text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…", instead=" ")


def _causes(answer: dict[str, Any]) -> list[Cause]:
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    found = [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []
    return [
        Cause(shortened(str(cause.get("field") or "")), shortened(str(cause.get("message") or "")))
        for cause in found[:MAX_CAUSES]
    ]


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}
