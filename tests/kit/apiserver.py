"""The API server, spoken to directly: where kubectl is too slow, or would miss something."""

import json
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from http.client import HTTPException, HTTPSConnection
from socket import socket
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from kubernetes import config

Object = dict[str, Any]

MERGE = "application/merge-patch+json"
GROUPS = {
    "experimentledgers": "/apis/epochal.dev/v1alpha1",
    "experiments": "/apis/epochal.dev/v1alpha1",
    "modelservers": "/apis/epochal.dev/v1alpha1",
    "trainingjobs": "/apis/epochal.dev/v1alpha1",
    "jobs": "/apis/batch/v1",
    "deployments": "/apis/apps/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "leases": "/apis/coordination.k8s.io/v1",
    "events.events.k8s.io": "/apis/events.k8s.io/v1",
}
"""Where resources are that are not in the core group."""


class Refusal(Exception):
    """The API server refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Away(Exception):
    """The API server gives no answer."""


class Server(NamedTuple):
    """The address of the API server, and the SSL context that authenticates both sides."""

    host: str
    port: int
    context: ssl.SSLContext


@cache
def server() -> Server:
    """Returns the address of the API server and the credentials of the cluster's administrator."""
    known = config.new_client_from_config().configuration
    context = ssl.create_default_context(cafile=known.ssl_ca_cert)
    context.load_cert_chain(known.cert_file, known.key_file)
    address = urlsplit(known.host)
    return Server(address.hostname or "", address.port or 443, context)


def path(resource: str, name: str = "", *, namespace: str = "", selector: str = "") -> str:
    """Returns the path of an object, or of all of a resource, with the query that selects them by their labels."""
    where = f"/namespaces/{namespace}" if namespace else ""
    which = f"/{name}" if name else f"?labelSelector={quote(selector)}" if selector else ""
    return f"{GROUPS.get(resource, '/api/v1')}{where}/{resource.partition('.')[0]}{which}"


def _read(text: bytes) -> Object:
    """Parses JSON as deep as the API server takes: https://pkg.go.dev/encoding/json bounds it at 10,000 levels."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 10_000)
    try:
        return dict(json.loads(text))
    finally:
        sys.setrecursionlimit(limit)


def request(
    method: str, path: str, body: Object | str | None = None, *, content_type: str = "application/json"
) -> Object:
    """Sends a request and returns the answer.

    Args:
        method: GET, POST, PUT, PATCH or DELETE.
        body: What to send; a text is sent as it is.
        content_type: What the body is: MERGE for a merge patch.

    Raises:
        Refusal: If the API server refuses.
        Away: If it gives no answer.
    """
    data = body if body is None or isinstance(body, str) else json.dumps(body)
    try:
        with closing(_connect(30)) as connection:
            connection.request(method, path, data, {"Content-Type": content_type})
            answer = connection.getresponse()
            text = answer.read()
    except (OSError, HTTPException) as error:
        raise Away(f"{method} {path}: {error!r}") from error
    if answer.status >= 300:
        raise Refusal(answer.status, _message(text)[:500])
    found: Object = _read(text)
    return found


def is_allowed(account: str, home: str, **attributes: str) -> bool:
    """Returns whether a service account of the namespace `home` has the right with these resource attributes."""
    review: Object = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{home}:{account}", "resourceAttributes": attributes},
    }
    status = request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]
    assert "evaluationError" not in status, status
    return bool(status["allowed"])


def stream(path: str, seconds: float, opened: Callable[[socket], None]) -> Iterator[Object]:
    """Yields the events of a watch until either side ends it.

    Args:
        path: Path and query of the watch.
        seconds: How long to wait for anything to be told, bookmarks included.
        opened: Is told the connection, which another thread may shut down.

    Raises:
        Refusal: If the API server refuses.
        Away: If the connection breaks, or nothing is told for so long.
    """
    try:
        with closing(_connect(seconds)) as connection:
            connection.connect()
            opened(connection.sock)
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status >= 300:
                raise Refusal(answer.status, answer.read().decode(errors="replace")[:500])
            for line in answer:
                yield json.loads(line)
    except (OSError, HTTPException, ValueError) as error:
        raise Away(f"watch of {path}: {error!r}") from error


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")


def _connect(seconds: float) -> HTTPSConnection:
    host, port, context = server()
    return HTTPSConnection(host, port, context=context, timeout=seconds)
