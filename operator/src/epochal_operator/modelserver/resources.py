"""The resources that a ModelServer has to do with: its own, those of what it owns, and whom its model comes from."""

from epochal_api import experiment
from epochal_api.kind import GROUP, VERSION
from epochal_api.modelserver import KIND, PLURAL

from epochal_operator.modelserver.labels import NAME_LABEL
from epochal_operator.modelserver.owned import Child
from epochal_operator.runtime.kind import Owned, Reference
from epochal_operator.runtime.metrics import part
from epochal_operator.runtime.resource import PODS, REPLICA_SETS, Key, Object, Resource

MODEL_SERVERS = Resource(GROUP, VERSION, PLURAL, KIND)
EXPERIMENTS = Resource(GROUP, VERSION, experiment.PLURAL, experiment.KIND)


def _named(document: Object, field: str) -> Key | None:
    """Returns the key of an object of the namespace that a ModelServer's source names."""
    name = part(part(part(document, "spec"), "source"), field).get("name")
    return Key(document["metadata"]["namespace"], name) if isinstance(name, str) else None


def owned(child: Child) -> Owned:
    """Returns by what the objects of a row of the table of children are found."""
    return Owned(child.resource, NAME_LABEL)


SERVERS_OF_JOB = Reference(MODEL_SERVERS, lambda document: _named(document, "trainingJobRef"))
"""ModelServers by the TrainingJob whose model they serve."""
SERVERS_OF_EXPERIMENT = Reference(MODEL_SERVERS, lambda document: _named(document, "experimentRef"))
"""ModelServers by the Experiment whose best they serve."""
OWNED_REPLICA_SETS = Owned(REPLICA_SETS, NAME_LABEL)
OWNED_PODS = Owned(PODS, NAME_LABEL)
