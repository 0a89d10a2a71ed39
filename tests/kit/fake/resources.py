"""The kinds that the fake API server serves, and its requests: paths, verbs and selectors."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Object = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A kind of objects.

    Args:
        namespaced: Whether its objects lie in namespaces.
        custom: Whether a CRD brings it: in lists, its objects then say what they are.
        has_status: Whether its status is written at a path of its own, and its spec has generations.
        fields: What field selectors may name, beside the name and the namespace.
    """

    api_version: str
    kind: str
    name: str
    namespaced: bool = True
    custom: bool = False
    has_status: bool = False
    fields: frozenset[str] = frozenset()

    @property
    def root(self) -> str:
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"


_REGARDING = frozenset(f"regarding.{field}" for field in ("apiVersion", "kind", "name", "namespace", "uid"))
RESOURCES = (
    Resource("epochal.dev/v1alpha1", "TrainingJob", "trainingjobs", custom=True, has_status=True),
    Resource("epochal.dev/v1alpha1", "Experiment", "experiments", custom=True, has_status=True),
    Resource("epochal.dev/v1alpha1", "ExperimentLedger", "experimentledgers", custom=True),
    Resource("epochal.dev/v1alpha1", "ModelServer", "modelservers", custom=True, has_status=True),
    Resource("apps/v1", "Deployment", "deployments", has_status=True),
    Resource("apps/v1", "ReplicaSet", "replicasets", has_status=True),
    Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", has_status=True),
    Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", has_status=True),
    Resource("v1", "Service", "services", has_status=True),
    Resource("batch/v1", "Job", "jobs", has_status=True, fields=frozenset({"status.successful"})),
    Resource("v1", "Pod", "pods", has_status=True, fields=frozenset({"spec.nodeName", "status.phase"})),
    Resource("v1", "Node", "nodes", namespaced=False, has_status=True),
    Resource("v1", "Secret", "secrets", fields=frozenset({"type"})),
    Resource("v1", "Namespace", "namespaces", namespaced=False, fields=frozenset({"status.phase"})),
    Resource("coordination.k8s.io/v1", "Lease", "leases"),
    Resource("events.k8s.io/v1", "Event", "events", fields=_REGARDING | {"reason", "type", "reportingController"}),
)


class BadRequest(Exception):
    """The request is malformed."""


class ApiRequest(NamedTuple):
    """A request to the API server.

    Args:
        verb: get, list, watch, create, update, patch or delete.
        resource: The kind's name in paths, with the subresource, as access rules name it: trainingjobs/status.
        namespace: Namespace, or an empty string.
        name: Name of the object, or an empty string.
    """

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""


_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def parse_request(
    method: str, path: str, query: Mapping[str, str], resources: Iterable[Resource]
) -> tuple[ApiRequest, Resource]:
    """Returns the request and its kind.

    Raises:
        LookupError: If no kind is served there.
    """
    for resource in resources:
        if not path.startswith(f"{resource.root}/"):
            continue
        parts = path.removeprefix(f"{resource.root}/").split("/")
        namespace = ""
        if resource.namespaced and parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        if parts[0] != resource.name or parts[2:] not in ([], ["status"]):
            continue
        name = parts[1] if len(parts) > 1 else ""
        whole = "/".join([resource.name, *parts[2:]])
        listed = "watch" if query.get("watch") in {"true", "1"} else "list"
        return ApiRequest(_VERBS.get(method, "get" if name else listed), whole, namespace, name), resource
    raise LookupError(path)


@dataclass(frozen=True)
class Selector:
    """Which objects are wanted.

    Args:
        namespace: Their namespace; an empty string stands for all.
        labels: Requirements of their labels: `a`, `!a`, `a=b`, `a!=b`.
        fields: Requirements of their fields: `a.b=c`, `a.b!=c`.
    """

    namespace: str = ""
    labels: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, namespace: str, query: Mapping[str, str], resource: Resource) -> "Selector":
        """Returns the selector of a query.

        Raises:
            BadRequest: If it names a field that this kind is not selected by.
        """
        labels, fields = (
            tuple(filter(None, query.get(name, "").split(","))) for name in ("labelSelector", "fieldSelector")
        )
        known = resource.fields | {"metadata.name", "metadata.namespace"}
        for requirement in fields:
            if (field := re.split("!?==?", requirement)[0]) not in known:
                raise BadRequest(f"field label not supported: {field}")
        return cls(namespace, labels, fields)

    def takes(self, thing: Object) -> bool:
        metadata = thing["metadata"]
        if self.namespace not in {"", metadata.get("namespace", "")}:
            return False
        labels = metadata.get("labels") or {}
        return all(_holds(requirement, labels.get) for requirement in self.labels) and all(
            _holds(requirement, lambda path: _field(thing, path)) for requirement in self.fields
        )


def _holds(requirement: str, value: Any) -> bool:
    name, operator, wanted = [*re.split("(!?==?)", requirement, maxsplit=1), "", ""][:3]
    if not operator:
        return (value(name.removeprefix("!")) is None) is name.startswith("!")
    return ((value(name) or "") == wanted) is not operator.startswith("!")


def _field(thing: Object, path: str) -> str:
    part: Any = thing
    for name in path.split("."):
        part = (part or {}).get(name)
    return "" if part is None else str(part)
