"""Resources of a job's pods, and where they may run."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from epochal_api.model import NAME_PATTERN, PRESERVE, Model, ObjectName, Quantity, quantity_value
from epochal_api.pod import MIN_MEMORY_BYTES

GPU_RESOURCE = re.compile(r"^[a-z0-9.-]+/(gpu|mig-.+)$")
"""Names of resources that count as GPUs."""

LabelText = Annotated[str, StringConstraints(max_length=63)]
LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=317)]
ResourceList = Annotated[dict[LabelKey, Quantity], Field(max_length=32)]
_MIB = 2**20


def _check_memory_limit(limits: dict[str, str]) -> dict[str, str]:
    limit = limits.get("memory", "0")
    if 0 < quantity_value(limit) < MIN_MEMORY_BYTES:
        hint = "; did you forget the unit, such as Mi or Gi?" if quantity_value(limit) < _MIB else ""
        raise ValueError(
            f"memory must be at least {MIN_MEMORY_BYTES // _MIB}Mi, which the trainer needs before it reads any data, "
            f"found {limit!r}{hint}"
        )
    return limits


class Resources(Model):
    """Resources of the worker, as in a container's resources."""

    requests: ResourceList = {}
    """Requests for the scheduler, such as {cpu: "1", memory: 2Gi}."""
    limits: Annotated[ResourceList, AfterValidator(_check_memory_limit)] = {}
    """Limits of the worker, such as {memory: 4Gi}. The memory must be at least 282Mi, which Keras needs before it reads
    any data, or 0 for no limit. GPUs are requested here, such as {nvidia.com/gpu: 1}."""

    @property
    def gpus(self) -> int:
        """Number of GPUs (or GPU slices) in `limits`, at most the largest integer of the API."""
        counts = (count for name, count in self.limits.items() if GPU_RESOURCE.match(name) and count.isdigit())
        return min(sum(map(int, counts)), 2**63 - 1)


class Toleration(Model):
    """A taint that the pods tolerate."""

    key: LabelKey | None = None
    """Key of the taint. Default: all keys, which requires operator Exists."""
    operator: Literal["Exists", "Equal"] | None = None
    """Operator of the comparison. Default: Equal."""
    value: LabelText | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Default: all effects."""
    toleration_seconds: int | None = None
    """Seconds for which a NoExecute taint is tolerated. Default: forever."""


class Placement(Model):
    """Where pods may run: the pod fields with the same names."""

    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods."""
    node_selector: Annotated[dict[LabelKey, LabelText], Field(max_length=64)] = {}
    """Labels that a node must have, such as {disktype: ssd}."""
    tolerations: Annotated[list[Toleration], Field(max_length=64)] = []
    """Taints that the pods tolerate, such as [{key: nvidia.com/gpu, operator: Exists}]."""
    affinity: Annotated[dict[str, Any], WithJsonSchema({"type": "object", PRESERVE: True})] | None = None
    """Affinity of the pods, as in a pod's own spec.affinity."""
    runtime_class_name: ObjectName | None = None
    """RuntimeClass of the pods, such as nvidia."""
    scheduler_name: ObjectName | None = None
    """Scheduler of the pods. Default: the cluster's own."""


class Scheduling(Placement):
    """When and where the pods may run: except for queueName, the pod fields with the same names."""

    queue_name: Annotated[str, StringConstraints(max_length=63, pattern=NAME_PATTERN)] | None = None
    """LocalQueue of Kueue that admits the job. Kueue then starts and stops the job. Default: the job starts at once."""
