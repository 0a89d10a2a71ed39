"""An installation of Epochal, as read from the Deployment of its operator."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

LABEL = "app.kubernetes.io/name=epochal"
"""Label selector of the operator's Deployment. The Helm chart sets this label."""


class Installation(NamedTuple):
    """An installation of Epochal.

    Args:
        name: Namespace and name of the operator's Deployment.
        version: Version of Epochal, from a label of the Deployment; "" without this label.
        ready: Number of ready pods of the operator.
        namespaces: The namespaces that the operator serves; empty for all namespaces.
        storage_endpoint: Default S3 address, for objects without spec.storage.endpoint; "" for no default.
    """

    name: str
    version: str
    ready: int
    namespaces: Sequence[str] = ()
    storage_endpoint: str = ""

    def serves(self, namespace: str) -> bool:
        """Return whether the operator serves the objects of a namespace."""
        return not self.namespaces or namespace in self.namespaces


def installation_of(deployment: Mapping[str, Any]) -> Installation:
    """Read an installation from the operator's Deployment: labels, arguments of containers, number of ready pods."""
    metadata = deployment.get("metadata") or {}
    template = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    arguments = dict(
        str(argument).removeprefix("--").split("=", 1)
        for container in template.get("containers") or []
        for argument in container.get("args") or []
        if str(argument).startswith("--") and "=" in str(argument)
    )
    return Installation(
        name=f"{metadata.get('namespace')}/{metadata.get('name')}",
        version=str((metadata.get("labels") or {}).get("app.kubernetes.io/version", "")),
        ready=int((deployment.get("status") or {}).get("readyReplicas") or 0),
        namespaces=[name for name in arguments.get("namespaces", "").split(",") if name],
        storage_endpoint=arguments.get("storage-endpoint", ""),
    )
