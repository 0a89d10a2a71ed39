"""The metadata of the objects that a ModelServer owns."""

from typing import Any

from epochal_api.kind import API_VERSION
from epochal_api.modelserver import KIND, ModelServer

from epochal_operator.modelserver.labels import NAME_LABEL, UID_LABEL
from epochal_operator.trainingjob.pod_template import Installation

Object = dict[str, Any]


def selector(server: ModelServer) -> Object:
    """Return the labels that select the pods of a ModelServer."""
    return {NAME_LABEL: server.metadata.name, UID_LABEL: server.metadata.uid}


def labels(server: ModelServer, installation: Installation) -> Object:
    """Return the labels of the objects that a ModelServer owns."""
    theirs = server.metadata.labels
    chosen = {name: theirs[name] for name in installation.labels if name in theirs}
    return chosen | {"app.kubernetes.io/managed-by": "epochal"} | selector(server)


def metadata(server: ModelServer, installation: Installation) -> Object:
    """Return the metadata of the objects that a ModelServer owns; all have its name."""
    return {
        "name": server.metadata.name,
        "namespace": server.metadata.namespace,
        "labels": labels(server, installation),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": server.metadata.name,
                "uid": server.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
