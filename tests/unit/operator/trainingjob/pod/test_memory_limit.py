"""The memory limit of a trainer, and its origin."""

from typing import Any

import pytest
from epochal_operator.trainingjob.pod.memory_limit import LIMIT_RANGER_ANNOTATION, memory_limit

from tests.unit.operator.objects import pod, required

FIELD = "spec.resources.limits.memory"
DEFAULT = "a default of the namespace, from a LimitRange"

SET = "LimitRanger plugin set: "


def limited(memory: str | None, said: str | None) -> dict[str, Any]:
    """Returns a pod with a memory limit and the annotation of the LimitRanger."""
    one = pod()
    one["spec"]["containers"][0]["resources"] = {"limits": {"memory": memory} if memory else {}}
    one["metadata"]["annotations"] = {LIMIT_RANGER_ANNOTATION: said} if said else {}
    return one


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        (None, FIELD),
        (f"{SET}memory limit for container trainer", DEFAULT),
        (f"{SET}cpu, memory request for container trainer; cpu, memory limit for container trainer", DEFAULT),
        (f"{SET}cpu, memory request for container trainer", FIELD),
        (f"{SET}memory request for container trainer; cpu limit for container trainer", FIELD),
        (f"{SET}memory limit for container sidecar", FIELD),
        ("in words of another version", FIELD),
    ],
)
def test_origin_of_the_limit(said: str | None, origin: str) -> None:
    found = required(memory_limit(limited("4Gi", said)))
    assert (found.quantity, found.origin) == ("4Gi", origin)


@pytest.mark.parametrize(
    ("memory", "too_low"),
    [("700", True), ("281Mi", True), ("282Mi", False), ("1G", False), ("0", False), ("0Gi", False)],
)
def test_limit_too_low_for_a_trainer(memory: str, too_low: bool) -> None:  # noqa: FBT001
    assert required(memory_limit(limited(memory, None))).is_too_low is too_low


def test_pod_without_limit() -> None:
    assert memory_limit(limited(None, None)) is None
