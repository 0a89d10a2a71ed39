"""Requests to the API server as the cluster's administrator, and to components' health endpoints."""

import json
import ssl
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pki
from report import Failure


def request(path: str, patch: dict[str, Any] | None = None, timeout: float = 5) -> Any:
    """Reads an object from the API server, or merges a patch into it.

    Args:
        path: below the API server's address, such as `/api/v1/nodes`.
        patch: what to merge; without it the object is only read.
        timeout: seconds.

    Returns:
        The answer, parsed.

    Raises:
        Failure: the API server did not answer, or with an error.
    """
    context = ssl.create_default_context(cafile=str(pki.certificate("ca")))
    context.load_cert_chain(pki.certificate("admin"), pki.key("admin"))
    message = Request(pki.API_SERVER + path)
    if patch is not None:
        message.method = "PATCH"
        message.data = json.dumps(patch).encode()
        message.add_header("Content-Type", "application/merge-patch+json")
    try:
        with urlopen(message, timeout=timeout, context=context) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise Failure(f"the API server answers {path} with {error.code}: {error.read().decode()}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise Failure(f"the API server does not answer {path}: {error}") from error


def ready() -> bool:
    """Whether the API server calls itself ready and lets the administrator in."""
    context = ssl.create_default_context(cafile=str(pki.certificate("ca")))
    return _answers(f"{pki.API_SERVER}/readyz", context)


def healthy(url: str) -> bool:
    """Whether the health endpoint of a component answers 200; its certificate is not verified."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _answers(url, context)


def _answers(url: str, context: ssl.SSLContext) -> bool:
    try:
        with urlopen(url, timeout=2, context=context if url.startswith("https") else None) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (OSError, HTTPException):
        return False
