"""The mutable fields of a spec that may break any rule."""

from typing import Any

import pytest
from epochal_operator.pods.mutable_fields import MutableFields


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, MutableFields()),
        (
            {"new": 1, "suspend": True, "activeDeadlineSeconds": 5, "ttlSecondsAfterFinished": 0},
            MutableFields(suspend=True, active_deadline_seconds=5, ttl_seconds_after_finished=0),
        ),
        ({"suspend": "true", "activeDeadlineSeconds": 0, "ttlSecondsAfterFinished": -1}, MutableFields()),
        ({"suspend": None, "activeDeadlineSeconds": True, "ttlSecondsAfterFinished": 1.5}, MutableFields()),
        ({"suspend": [], "activeDeadlineSeconds": 10**30, "ttlSecondsAfterFinished": {}}, MutableFields()),
        ({"replicas": 0, "paused": False}, MutableFields(replicas=0, paused=False)),
        ({"replicas": 1000, "paused": True}, MutableFields(replicas=1000, paused=True)),
        ({"replicas": 1001, "paused": "true"}, MutableFields()),
        ({"replicas": -1, "paused": 1}, MutableFields()),
        ({"replicas": True}, MutableFields()),
        ({"replicas": "3"}, MutableFields()),
    ],
)
def test_each_field_is_read_by_itself(spec: dict[str, Any], expected: MutableFields) -> None:
    assert MutableFields.read(spec) == expected
