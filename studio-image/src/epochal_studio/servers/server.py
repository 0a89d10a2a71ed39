"""A ModelServer as its object describes it, and the paths of its Service and pods at the API server's proxy."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal.client.cluster import Cluster
from epochal.client.kinds import MODEL_SERVERS, PODS, SERVICES, checked_name
from epochal.serving.access import SERVER_LABEL
from epochal_api.modelserver.pod import METRICS_PORT

from epochal_studio.runs.values import count, items, mapping, readable, text
from epochal_studio.servers.options import MAX_BYTES
from epochal_studio.wire import RunKey

UID_LABEL = "epochal.dev/modelserver-uid"
_DEFAULT_BYTES = 8 * 2**20
"""The default of spec.limits.requestBytes."""
_PENDING = "Pending"
_MAX_NAME = 256


class Server(NamedTuple):
    """The fields of a ModelServer that requests to its pods need.

    Args:
        key: Its identity.
        uid: Its UID.
        is_tls: Whether its pods serve HTTPS.
        state: Its state, such as Ready.
        is_ready: Whether any pod answers.
        message: Why none answers; "" if the operator has written no reason.
        output: Name of the model's first output; "" if it is unknown.
        max_bytes: Maximum bytes of a request's body.
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
        """Namespace of the ModelServer and its pods."""
        return self.key.namespace

    @property
    def name(self) -> str:
        """Its name, which is that of its Service and of its model."""
        return self.key.name

    @property
    def selector(self) -> str:
        """Label selector of its pods."""
        return f"{SERVER_LABEL}={self.name},{UID_LABEL}={self.uid}"

    def service_path(self, path: str) -> str:
        """Return the path at the API server that leads to a path of the server.

        The API server speaks plain HTTP to a Service unless its name begins with `https:`.
        """
        target = f"https:{self.name}:https" if self.is_tls else f"{self.name}:http"
        return f"{SERVICES.url_path(self.namespace)}/{target}/proxy{path}"

    def metrics_path(self, pod: str) -> str:
        """Return the path at the API server that leads to the metrics of a pod, which are plain HTTP."""
        return f"{PODS.url_path(self.namespace)}/{checked_name('pod', pod)}:{METRICS_PORT}/proxy/metrics"


def read_server(cluster: Cluster, key: RunKey) -> Server:
    """Return a ModelServer, as the API server has it."""
    return server_of(key, cluster.get(MODEL_SERVERS, key.name, key.namespace))


def server_of(key: RunKey, found: Mapping[str, Any]) -> Server:
    """Return the ModelServer of an object with any content."""
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
