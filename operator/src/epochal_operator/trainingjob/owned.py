"""The children of a TrainingJob: the table from which they are watched, cached, created and corrected.

Each child needs permissions in the chart as well: rbac.yaml and operatorpolicy.yaml.
"""

from collections.abc import Callable
from dataclasses import dataclass

from epochal_api.trainingjob import TrainingJob

from epochal_operator.runtime.api.resource import JOBS, Object, Resource
from epochal_operator.runtime.store import Trim
from epochal_operator.trainingjob import trim
from epochal_operator.trainingjob.job import NAME_LABEL
from epochal_operator.trainingjob.pod_template import Installation

Build = Callable[[TrainingJob, Installation], Object | None]


@dataclass(frozen=True)
class Child:
    """An object that a TrainingJob owns, with the TrainingJob's name.

    Args:
        resource: The resource of the child.
        keep: Returns the part of the child that the cache keeps. It must include all spec fields that `build` sets.
        build: Returns the desired object, or None if there should be none. Spec fields that differ are corrected, so
            fields with a default must be explicit. None for the Job, which the plan builds.
        label: The label with the TrainingJob's name.
    """

    resource: Resource
    keep: Trim
    build: Build | None = None
    label: str = NAME_LABEL


JOB = Child(JOBS, trim.job)
CHILDREN = (JOB,)
