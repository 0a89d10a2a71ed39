"""The installation of Epochal, as the Deployment of its operator describes it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

LABEL = "app.kubernetes.io/name=epochal"
"""Label of the operator's Deployment, as the chart sets it."""


class Installation(NamedTuple):
    """An installation of Epochal.

    Args:
        name: Namespace and name of the operator's Deployment.
        version: Version of the chart.
        ready: Number of operators that are ready.
        namespaces: The namespaces that it serves; empty for all.
        storage_endpoint: Address of the S3 service for objects that name none; "" for none.
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
    """Return the installation of an operator's Deployment."""
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
