"""What the API server serves, and where: a resource is a kind of objects and its place in paths."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from epochal_operator.runtime.errors import NotFound

Object = Mapping[str, Any]
"""An object of the API as JSON."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class Key(NamedTuple):
    """Which object of a resource is meant.

    Args:
        namespace: Its namespace.
        name: Its name.
    """

    namespace: str
    name: str


@dataclass(frozen=True)
class Resource:
    """A resource of the API.

    Args:
        group: Its group; empty for Kubernetes' oldest.
        version: The version of the group.
        plural: Its name in paths, such as pods.
        kind: What each of its objects calls itself, such as Pod.
    """

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """Group and version, as an object names them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Returns the path of all its objects, of those of a namespace, of one of them, or of a part of one.

        Raises:
            NotFound: If no object can have such a name.
        """
        parts = ["apis" if self.group else "api", self.api_version]
        parts += ["namespaces", _segment(namespace)] if namespace else []
        parts += [self.plural, *([_segment(name)] if name is not None else []), *([subresource] if subresource else [])]
        return "/" + "/".join(parts)


DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
HORIZONTAL_POD_AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
JOBS = Resource("batch", "v1", "jobs", "Job")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
POD_DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
PODS = Resource("", "v1", "pods", "Pod")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICES = Resource("", "v1", "services", "Service")
TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview")


def key_of(thing: Object) -> Key:
    """Returns the key of an object."""
    return Key(thing["metadata"]["namespace"], thing["metadata"]["name"])


def version_of(thing: Object) -> int:
    """Returns an object's version; those of one resource grow: https://kep.k8s.io/5504."""
    return int(thing["metadata"]["resourceVersion"])


def name_of(thing: object) -> str:
    """Returns what to call an object of which nothing is sure."""
    metadata = thing.get("metadata") if isinstance(thing, dict) else None
    known = metadata if isinstance(metadata, dict) else {}
    return f"{known.get('namespace')}/{known.get('name')}"


def _segment(name: str) -> str:
    """Returns a name as part of a path: names come from callers of the progress endpoint too, who could write '..'."""
    if not _NAME.fullmatch(name):
        raise NotFound(404, "NotFound", f"no object can be called {name[:80]!r}")
    return name
