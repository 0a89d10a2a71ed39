"""The resources and indexes of a ModelServer, and the labels and metadata of its owned objects."""

from typing import Any

from epochal_api.experiment import spec as experiment
from epochal_api.kind import API_VERSION, GROUP, VERSION
from epochal_api.modelserver.spec import KIND, PLURAL, ModelServer

from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.resource import Key, Object, Resource, part
from epochal_operator.runtime.owners import controller_reference
from epochal_operator.runtime.store import SpecIndex

NAME_LABEL = f"{GROUP}/modelserver"
"""Label of every owned object: the name of its ModelServer. Only objects with this label are watched."""
UID_LABEL = f"{GROUP}/modelserver-uid"
"""Label of every owned object: the uid of its ModelServer. An earlier ModelServer of the same name has another uid."""
INPUTS_ANNOTATION = f"{GROUP}/inputs-sha256"
"""Annotation of the pod template: digest of its inputs, without values that belong to the operator, such as images."""
TEMPLATE_ANNOTATION = f"{GROUP}/template-sha256"
"""Annotation of the Deployment: digest of its pod template as the API server stores it, with defaults and the changes
of admission webhooks. The operator learns this template from the answer to its write, so a patch after the creation
sets the annotation."""
RESTART_ANNOTATION = "kubectl.kubernetes.io/restartedAt"
"""Annotation of the pod template that `kubectl rollout restart` writes."""
RESTARTED_ANNOTATION = f"{GROUP}/restarted-at"
"""Annotation of the Deployment: time of the last `kubectl rollout restart` that the operator has handled, or empty."""
REVISION_ANNOTATION = "deployment.kubernetes.io/revision"
"""Annotation of the Deployment in which its controller counts rollouts, including rollouts to an earlier template."""
CONTAINER = "server"
CONVERTER = "convert"
"""The init container that converts a Keras model to ONNX."""
DEADLINE_SECONDS = 600
"""Seconds without progress until a rollout counts as late: the default of Kubernetes."""
MODEL_SERVERS = Resource(GROUP, VERSION, PLURAL, KIND)
EXPERIMENTS = Resource(GROUP, VERSION, experiment.PLURAL, experiment.KIND)


def _referenced(document: Object, field: str) -> Key | None:
    """Return the key of the object that a field of spec.source references, or None."""
    name = part(part(part(document, "spec"), "source"), field).get("name")
    return Key(document["metadata"]["namespace"], name) if isinstance(name, str) else None


SERVERS_OF_JOB = SpecIndex(MODEL_SERVERS, lambda document: _referenced(document, "trainingJobRef"))
"""The index of ModelServers by the TrainingJob that their spec.source references."""
SERVERS_OF_EXPERIMENT = SpecIndex(MODEL_SERVERS, lambda document: _referenced(document, "experimentRef"))
"""The index of ModelServers by the Experiment that their spec.source references."""


def selector(server: ModelServer) -> dict[str, Any]:
    """Return the labels that select the pods of a ModelServer."""
    return {NAME_LABEL: server.metadata.name, UID_LABEL: server.metadata.uid}


def child_metadata(server: ModelServer, installation: Installation) -> dict[str, Any]:
    """Return the metadata of the objects that a ModelServer owns; all have its name."""
    metadata = server.metadata
    return {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "labels": installation.child_labels(metadata.labels, selector(server)),
        "ownerReferences": [controller_reference(API_VERSION, KIND, metadata.name, metadata.uid)],
    }
