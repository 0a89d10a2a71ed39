"""Sends requests to a ModelServer through the API server's proxy, so no port-forward is necessary."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from epochal_api.text import printable

from epochal.client.cluster import Cluster
from epochal.client.credentials import decoded
from epochal.client.failures import shortened
from epochal.client.kinds import MODEL_SERVERS, NETWORK_POLICIES, PODS, SECRETS
from epochal.client.references import Found
from epochal.client.transport import Response
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.views import progress

API_KEY = "X-API-Key"
"""The HTTP header for the API key. The API server removes the header Authorization from a proxied request."""
KEY_VARIABLE = "EPOCHAL_API_KEY"
SERVER_LABEL = "epochal.dev/modelserver"
MIN_KEY = 16
"""Minimum characters of an API key. The model server refuses shorter keys."""
SECONDS = 120
NOT_REACHED = "error trying to reach service"
"""Part of the API server's message if its own connection to a pod fails."""
_ANSWERING = frozenset({"Ready", "Updating", "Degraded"})


class Server:
    """Sends requests to one ModelServer.

    Args:
        cluster: The cluster.
        found: The ModelServer, as read from the cluster.
    """

    def __init__(self, cluster: Cluster, found: Found) -> None:
        self._cluster = cluster
        self._found = found
        spec = found.object.get("spec") or {}
        self._scheme = "https" if spec.get("tls") else "http"
        self._key = find_key(cluster, spec, found.object["metadata"].get("namespace"))

    @property
    def name(self) -> str:
        """Name of the ModelServer. Its model has the same name in requests."""
        return self._found.name

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send an HTTP request to the ModelServer, and return the response.

        Raises:
            EpochalError: If the ModelServer answers with an error status, or the API server cannot reach its pods.
        """
        answer = self._cluster.proxy(
            self.name,
            self._scheme,
            method,
            path,
            body=body,
            headers={**(headers or {}), **({API_KEY: self._key} if self._key else {})},
            namespace=self._found.object["metadata"].get("namespace"),
            scheme="https" if self._scheme == "https" else "",
            seconds=SECONDS,
        )
        if answer.status < HTTPStatus.BAD_REQUEST:
            return answer
        status = status_of_kubernetes(answer.body)
        if status is None:
            raise self._refused(answer)
        raise self._not_reached(answer.status, shortened(str(status.get("message") or "")))

    def _refused(self, answer: Response) -> EpochalError:
        """Return the error for a response with an error status that the ModelServer itself sent."""
        message = f"ModelServer {self.name}: {error_message(answer.body) or f'HTTP {answer.status}'}"
        if answer.status == HTTPStatus.UNAUTHORIZED:
            remedy = (
                f"Set {KEY_VARIABLE} to a key of the Secret that spec.auth names. Pods of Epochal before 0.2 read no "
                f"{API_KEY}: `kubectl rollout restart deployment/{self.name}` starts newer pods."
            )
            return EpochalError(message, remedy, exit_code=ExitCode.REFUSED)
        if answer.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            return EpochalError(message, "Repeat the command in a minute.", exit_code=ExitCode.NO_CONNECTION)
        return EpochalError(message, exit_code=ExitCode.REFUSED)

    def _not_reached(self, status: int, message: str) -> EpochalError:
        """Return the error for a request that the API server did not forward to the ModelServer."""
        namespace, name = self._cluster.namespace, self.name
        if status == HTTPStatus.FORBIDDEN:
            return EpochalError(
                f"you may not send requests to the Service {name}: {message}",
                f"Ask for the rights get and create of services/proxy in namespace {namespace}, or {_forward(name)}.",
                exit_code=ExitCode.REFUSED,
            )
        document = self._cluster.get(MODEL_SERVERS, name, self._found.object["metadata"].get("namespace"))
        state = progress.state(document)
        if NOT_REACHED in message and state in _ANSWERING:
            return EpochalError(
                f"the API server does not reach the pods of ModelServer {name}: {message}. {self._policies()}",
                "Allow the addresses of the API server in serverNetworkPolicy.from of Epochal's chart, or "
                f"{_forward(name)}.",
                exit_code=ExitCode.NO_CONNECTION,
            )
        reason = shortened(str(progress.ready_condition(document).get("message") or message))
        return EpochalError(
            f"ModelServer {name} does not answer, its state is {printable(state)}: {reason}",
            f"`epochal events {name}` has more, and `epochal watch modelserver/{name}` follows it.",
            exit_code=ExitCode.NO_CONNECTION,
        )

    def _policies(self) -> str:
        """Return a sentence that names the NetworkPolicies which limit access to the server's pods.

        If it names none, the sentence says why.
        """
        namespace = self._found.object["metadata"].get("namespace")
        try:
            policies = self._cluster.list(NETWORK_POLICIES, namespace=namespace)
            pods = self._cluster.list(PODS, namespace=namespace, selector=f"{SERVER_LABEL}={self.name}")
        except EpochalError:
            return "A NetworkPolicy may block the API server, but you may not list NetworkPolicies."
        labels = (pods[0]["metadata"].get("labels") or {}) if pods else {SERVER_LABEL: self.name}
        names = [str(policy["metadata"]["name"]) for policy in policies if selects(policy, labels)]
        if not names:
            return "No NetworkPolicy of the namespace selects these pods: a firewall may block the API server."
        what = "NetworkPolicy" if len(names) == 1 else "NetworkPolicies"
        return f"The {what} {', '.join(names[:8])} of the namespace {namespace} limits who reaches these pods."


def find_key(cluster: Cluster, spec: Mapping[str, Any], namespace: str | None) -> str:
    """Return the API key for requests to a ModelServer; "" if the ModelServer needs no key.

    The key is $EPOCHAL_API_KEY or, without this variable, an entry of the Secret in spec.auth.

    Raises:
        EpochalError: If the user may not read the Secret, or the Secret has no valid key.
    """
    if key := cluster.environment.variables.get(KEY_VARIABLE, "").strip():
        if not (key.isascii() and key.isprintable()):
            raise EpochalError(
                f"${KEY_VARIABLE} has a character that is not allowed in an HTTP header.", exit_code=ExitCode.USAGE
            )
        return key
    secret = ((spec.get("auth") or {}).get("secretRef") or {}).get("name")
    if not secret:
        return ""
    try:
        data = cluster.get(SECRETS, secret, namespace).get("data") or {}
    except EpochalError as error:
        raise EpochalError(
            error.message,
            f"The ModelServer needs an API key: set {KEY_VARIABLE} to a key, or ask for the right to read this Secret.",
            exit_code=error.exit_code,
        ) from error
    keys = [key for key in map(decoded, data.values()) if len(key) >= MIN_KEY and key.isascii() and key.isprintable()]
    if not keys:
        raise EpochalError(
            f"Secret {secret}, which spec.auth names, has no key of at least {MIN_KEY} characters.",
            "Add an entry with any name and the output of `openssl rand -hex 32`.",
            exit_code=ExitCode.REFUSED,
        )
    return keys[0]


def selects(policy: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a NetworkPolicy limits ingress to pods with these labels. Its matchExpressions are ignored."""
    spec = policy.get("spec") or {}
    wanted = (spec.get("podSelector") or {}).get("matchLabels") or {}
    matches = all(labels.get(name) == value for name, value in wanted.items())
    return matches and "Ingress" in (spec.get("policyTypes") or ["Ingress"])


def error_message(body: bytes) -> str:
    """Return the error message in the body of an error response of a ModelServer, without control characters."""
    try:
        content = json.loads(body[: 2**16])
    except (ValueError, RecursionError):
        return shortened(body[:1000].decode(errors="replace").strip())
    message = content.get("error") if isinstance(content, dict) else None
    return shortened(str(message or ""))


def status_of_kubernetes(body: bytes) -> dict[str, Any] | None:
    """Return the Status object in a response if the API server sent it; None if the ModelServer sent the response."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        # The API server answers some failures of its proxy as text.
        text = body[:2000].decode(errors="replace")
        return {"message": text} if NOT_REACHED in text else None
    return content if isinstance(content, dict) and content.get("kind") == "Status" else None


def _forward(name: str) -> str:
    return f"forward a port with `kubectl port-forward service/{name} 8000:80` and send the request with curl"
