"""What steers a TrainingJob that has begun, of a spec that may break any rule."""

from typing import Any

import pytest
from epochal_operator.trainingjob.mutable import Mutable


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, Mutable()),
        (
            {"new": 1, "suspend": True, "activeDeadlineSeconds": 5, "ttlSecondsAfterFinished": 0},
            Mutable(suspend=True, active_deadline_seconds=5, ttl_seconds_after_finished=0),
        ),
        ({"suspend": "true", "activeDeadlineSeconds": 0, "ttlSecondsAfterFinished": -1}, Mutable()),
        ({"suspend": None, "activeDeadlineSeconds": True, "ttlSecondsAfterFinished": 1.5}, Mutable()),
        ({"suspend": [], "activeDeadlineSeconds": 10**30, "ttlSecondsAfterFinished": {}}, Mutable()),
    ],
)
def test_each_field_is_read_by_itself(spec: dict[str, Any], expected: Mutable) -> None:
    assert Mutable.read(spec) == expected
