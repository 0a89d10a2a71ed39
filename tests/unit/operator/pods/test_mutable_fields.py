"""The mutable fields of an invalid spec."""

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
def test_an_invalid_field_does_not_affect_the_others(spec: dict[str, Any], expected: MutableFields) -> None:
    assert MutableFields.read(spec) == expected
