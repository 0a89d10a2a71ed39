"""Resources of the API server: the objects of one type, and their URL paths."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from epochal_operator.runtime.api.errors import NotFound

Object = Mapping[str, Any]
"""An object of the API as JSON."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class Key(NamedTuple):
    """Namespace and name of an object."""

    namespace: str
    name: str


@dataclass(frozen=True)
class Resource:
    """A resource of the API.

    Args:
        group: API group; empty for the core group.
        version: Version of the API group.
        plural: Plural name in URL paths, such as pods.
        kind: The `kind` field of its objects, such as Pod.
    """

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """The `apiVersion` field of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def header(self) -> dict[str, Any]:
        """The `apiVersion` and `kind` fields of its objects."""
        return {"apiVersion": self.api_version, "kind": self.kind}

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the URL path of all objects, of a namespace's objects, of one object, or of its subresource.

        Raises:
            NotFound: If the namespace or name is not valid, so that no such object can exist.
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


def key_of(obj: Object) -> Key:
    """Return the key of an object."""
    return Key(obj["metadata"]["namespace"], obj["metadata"]["name"])


def version_of(obj: Object) -> int:
    """Return an object's resourceVersion as a number. A later version is a larger number: https://kep.k8s.io/5504."""
    return int(obj["metadata"]["resourceVersion"])


def name_of(obj: object) -> str:
    """Return NAMESPACE/NAME of an object that may be invalid, for logs."""
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    fields = metadata if isinstance(metadata, dict) else {}
    return f"{fields.get('namespace')}/{fields.get('name')}"


def _segment(name: str) -> str:
    """Return the name if it is a valid segment of a URL path; raise NotFound otherwise.

    Callers of the progress endpoint also supply names, and could send '..'.
    """
    if not _NAME.fullmatch(name):
        raise NotFound(404, "NotFound", f"must be a valid name of an object, found {name[:80]!r}")
    return name


def part(node: Object, name: str) -> Object:
    """Return a field that is a mapping; an empty mapping if the field is missing or has another type."""
    value = node.get(name)
    return value if isinstance(value, Mapping) else {}
