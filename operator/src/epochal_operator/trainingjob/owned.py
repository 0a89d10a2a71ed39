"""The children of a TrainingJob: a table by which they are watched, kept, made and put right.

Whatever stands here needs its leave in the chart, too: rbac.yaml and operatorpolicy.yaml.
"""

from collections.abc import Callable
from dataclasses import dataclass

from epochal_api.trainingjob import TrainingJob

from epochal_operator.runtime.resource import JOBS, Object, Resource
from epochal_operator.runtime.store import Trim
from epochal_operator.trainingjob import trim
from epochal_operator.trainingjob.job import NAME_LABEL
from epochal_operator.trainingjob.pod_template import Installation

Build = Callable[[TrainingJob, Installation], Object | None]


@dataclass(frozen=True)
class Child:
    """An object that a TrainingJob controls, and that has its name.

    Args:
        resource: Its resource.
        keep: Returns what the store keeps of it. Of its spec that has to be all that `build` writes.
        build: Returns what it should be, or None if there should be none. The fields of its spec are put right where
            they differ, so those with a default have to be written out. None for the Job: the plan decides on that.
        label: The label that has the TrainingJob's name.
    """

    resource: Resource
    keep: Trim
    build: Build | None = None
    label: str = NAME_LABEL


JOB = Child(JOBS, trim.job)
CHILDREN = (JOB,)
