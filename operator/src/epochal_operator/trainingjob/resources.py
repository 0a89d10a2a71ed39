"""The resources and indexes of a TrainingJob, its owned objects and its predecessor."""

from epochal_api.kind import GROUP, VERSION
from epochal_api.trainingjob import KIND, PLURAL

from epochal_operator.runtime.api.resource import PODS, Key, Object, Resource
from epochal_operator.runtime.kind import Owned, Reference
from epochal_operator.trainingjob.continue_from import predecessor_name
from epochal_operator.trainingjob.job import NAME_LABEL
from epochal_operator.trainingjob.owned import Child

TRAINING_JOBS = Resource(GROUP, VERSION, PLURAL, KIND)
PROGRESS_MANAGER = "epochal-progress"
"""Field manager of the status fields that come from reports."""


def _predecessor(document: Object) -> Key | None:
    name = predecessor_name(document)
    return Key(document["metadata"]["namespace"], name) if name is not None else None


def owned(child: Child) -> Owned:
    """Return the index of the objects of a child."""
    return Owned(child.resource, child.label)


OWNED_PODS = Owned(PODS, NAME_LABEL)
FOLLOWERS = Reference(TRAINING_JOBS, _predecessor)
"""Index of TrainingJobs by their predecessor."""
