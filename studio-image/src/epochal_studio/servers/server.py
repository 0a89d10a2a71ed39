"""Reads the fields of a ModelServer, and builds the paths to its Service and pods through the API server's proxy."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal.client.cluster import Cluster
from epochal.client.kinds import MODEL_SERVERS, PODS, SERVICES, checked_name
from epochal.serving.access import SERVER_LABEL
from epochal_api.modelserver.pod import METRICS_PORT

from epochal_studio.runs.values import count, items, mapping, readable, text
from epochal_studio.servers.options import MAX_BYTES
from epochal_studio.wire.common import RunKey

UID_LABEL = "epochal.dev/modelserver-uid"
_DEFAULT_BYTES = 8 * 2**20
"""The default of spec.limits.requestBytes."""
_PENDING = "Pending"
_MAX_NAME = 256


class Server(NamedTuple):
    """The fields of a ModelServer that are needed for requests to its pods.

    Args:
        key: Key of the ModelServer.
        uid: UID of the ModelServer.
        is_tls: Whether its pods serve HTTPS.
        state: Its state, such as Ready.
        is_ready: Whether the condition Ready is True: at least one pod answers.
        message: Message of the condition Ready; "" without it.
        output: Name of the model's first output; "" if it is unknown.
        max_bytes: Maximum bytes of the body of a request.
    """

    key: RunKey
    uid: str
    is_tls: bool
    state: str
    is_ready: bool
    message: str
    output: str
    max_bytes: int

    @property
    def namespace(self) -> str:
        """Namespace of the ModelServer, its Service and its pods."""
        return self.key.namespace

    @property
    def name(self) -> str:
        """Name of the ModelServer, of its Service and of its model."""
        return self.key.name

    @property
    def selector(self) -> str:
        """Label selector of the ModelServer's pods."""
        return f"{SERVER_LABEL}={self.name},{UID_LABEL}={self.uid}"

    def service_path(self, path: str) -> str:
        """Return the path at the API server that proxies to `path` at the ModelServer's Service.

        The API server uses HTTPS only for a Service name with the prefix `https:`.
        """
        target = f"https:{self.name}:https" if self.is_tls else f"{self.name}:http"
        return f"{SERVICES.url_path(self.namespace)}/{target}/proxy{path}"

    def metrics_path(self, pod: str) -> str:
        """Return the path at the API server that proxies to the metrics of a pod, which are served by plain HTTP."""
        return f"{PODS.url_path(self.namespace)}/{checked_name('pod', pod)}:{METRICS_PORT}/proxy/metrics"


def read_server(cluster: Cluster, key: RunKey) -> Server:
    """Read a ModelServer from the API server, and return its fields."""
    return server_of(key, cluster.get(MODEL_SERVERS, key.name, key.namespace))


def server_of(key: RunKey, found: Mapping[str, Any]) -> Server:
    """Return the fields of a ModelServer from its object, which may have any content."""
    server = readable(found)
    ready: Mapping[str, Any] = next(
        (each for each in items(server.status.get("conditions")) if each.get("type") == "Ready"), {}
    )
    outputs = items(mapping(server.status.get("model")).get("outputs"))
    limit = count(mapping(server.spec.get("limits")).get("requestBytes"))
    return Server(
        key=key,
        uid=text(server.metadata.get("uid")),
        is_tls=bool(server.spec.get("tls")),
        state=text(server.status.get("state")) or _PENDING,
        is_ready=ready.get("status") == "True",
        message=text(ready.get("message")),
        output=text(outputs[0].get("name"), _MAX_NAME) if outputs else "",
        max_bytes=min(limit or _DEFAULT_BYTES, MAX_BYTES),
    )
