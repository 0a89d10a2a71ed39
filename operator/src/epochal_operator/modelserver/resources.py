"""The resources that a ModelServer uses: its own, its owned objects, and the sources of its model."""

from epochal_api import experiment
from epochal_api.kind import GROUP, VERSION
from epochal_api.modelserver import KIND, PLURAL

from epochal_operator.modelserver.labels import NAME_LABEL
from epochal_operator.modelserver.owned import Child
from epochal_operator.runtime.api.resource import PODS, REPLICA_SETS, Key, Object, Resource
from epochal_operator.runtime.kind import Owned, Reference
from epochal_operator.runtime.metrics import part

MODEL_SERVERS = Resource(GROUP, VERSION, PLURAL, KIND)
EXPERIMENTS = Resource(GROUP, VERSION, experiment.PLURAL, experiment.KIND)


def _named(document: Object, field: str) -> Key | None:
    """Return the key of the object that a field of spec.source references, or None."""
    name = part(part(part(document, "spec"), "source"), field).get("name")
    return Key(document["metadata"]["namespace"], name) if isinstance(name, str) else None


def owned(child: Child) -> Owned:
    """Return the index of the objects for a row of the table of owned objects."""
    return Owned(child.resource, NAME_LABEL)


SERVERS_OF_JOB = Reference(MODEL_SERVERS, lambda document: _named(document, "trainingJobRef"))
"""The index of ModelServers by the TrainingJob of their model."""
SERVERS_OF_EXPERIMENT = Reference(MODEL_SERVERS, lambda document: _named(document, "experimentRef"))
"""The index of ModelServers by the Experiment of their model."""
OWNED_REPLICA_SETS = Owned(REPLICA_SETS, NAME_LABEL)
OWNED_PODS = Owned(PODS, NAME_LABEL)
