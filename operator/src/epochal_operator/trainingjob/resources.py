"""The resources and indexes of a TrainingJob, its owned objects and its predecessor."""

from epochal_api.kind import GROUP, VERSION
from epochal_api.trainingjob.spec import KIND, PLURAL

from epochal_operator.runtime.api.resource import JOBS, PODS, Key, Object, Resource
from epochal_operator.runtime.owners import OwnedType
from epochal_operator.runtime.store import SpecIndex
from epochal_operator.trainingjob import cache_transform
from epochal_operator.trainingjob.job.batch_job import NAME_LABEL, batch_job
from epochal_operator.trainingjob.job.continue_from import predecessor_name

TRAINING_JOBS = Resource(GROUP, VERSION, PLURAL, KIND)
PROGRESS_MANAGER = "epochal-progress"
"""Field manager of the status fields that come from reports."""
JOB = OwnedType(JOBS, NAME_LABEL, cache_transform.job, batch_job, is_optional=True)
"""The Job of a TrainingJob: the only child. Its permissions in the chart: rbac.yaml and policy-operator.yaml."""
OWNED_PODS = OwnedType(PODS, NAME_LABEL, cache_transform.pod)


def _predecessor(document: Object) -> Key | None:
    name = predecessor_name(document)
    return Key(document["metadata"]["namespace"], name) if name is not None else None


CONTINUING_JOBS = SpecIndex(TRAINING_JOBS, _predecessor)
"""Index of TrainingJobs by their predecessor."""
