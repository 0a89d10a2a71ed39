"""The controller of an object, and objects of other owners that block a child."""

from typing import Any

import pytest
from epochal_operator.runtime.api.resource import JOBS
from epochal_operator.runtime.owners import Owner, controller_owner, controller_uid, name_conflict
from epochal_operator.trainingjob.reasons import CHILD_REASONS
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.objects import UID, child, document

JOB_REFERENCE = {"apiVersion": "batch/v1", "kind": "Job", "name": "mnist", "uid": "job-uid", "controller": True}
TRAINING_JOB_REFERENCE = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "TrainingJob",
    "name": "mnist",
    "uid": "tj-uid",
    "controller": True,
}


@pytest.mark.parametrize(
    ("references", "owner"),
    [
        ([JOB_REFERENCE], Owner("mnist", "job-uid")),
        ([TRAINING_JOB_REFERENCE, JOB_REFERENCE], Owner("mnist", "job-uid")),
        ([JOB_REFERENCE | {"apiVersion": "batch/v2"}], Owner("mnist", "job-uid")),
        ([JOB_REFERENCE | {"controller": False}], None),
        ([{key: value for key, value in JOB_REFERENCE.items() if key != "controller"}], None),
        ([JOB_REFERENCE | {"kind": "CronJob"}], None),
        ([JOB_REFERENCE | {"apiVersion": "evil.dev/v1"}], None),
        ([JOB_REFERENCE | {"apiVersion": "batch.evil.dev/v1"}], None),
        ([], None),
        (None, None),
    ],
)
def test_a_controller_has_the_kind_and_the_group(references: Any, owner: Owner | None) -> None:
    assert controller_owner({"metadata": {"ownerReferences": references}}, group="batch", kind="Job") == owner


def test_the_controller_uid_of_any_kind() -> None:
    other = {"uid": "other", "controller": False}
    assert controller_uid({"metadata": {"ownerReferences": [other, TRAINING_JOB_REFERENCE]}}) == "tj-uid"
    assert controller_uid({"metadata": {"ownerReferences": [other]}}) is None
    assert controller_uid({"metadata": {}}) is None


EARLIER = {"kind": "TrainingJob", "apiVersion": "epochal.dev/v1alpha1", "name": "digits", "uid": "old"}


@pytest.mark.parametrize(
    ("owners", "reason"),
    [
        ([EARLIER | {"uid": UID}], None),
        ([EARLIER], "Cleanup"),
        ([EARLIER | {"controller": False}], "NameConflict"),
        ([EARLIER | {"uid": UID, "controller": False}], "NameConflict"),
        ([{"kind": "CronJob", "apiVersion": "batch/v1", "name": "digits", "uid": "x"}], "NameConflict"),
        ([], "NameConflict"),
    ],
)
def test_an_object_of_another_owner_is_a_name_conflict(owners: list[dict[str, Any]], reason: str | None) -> None:
    existing = child()
    existing["metadata"]["ownerReferences"] = [{"controller": True} | owner for owner in owners]
    found = name_conflict(existing, document(), JOBS, TRAINING_JOBS, CHILD_REASONS)
    assert (found.reason if found else None) == reason
