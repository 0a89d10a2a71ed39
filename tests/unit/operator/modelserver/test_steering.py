"""What of a spec counts whatever the rest of it says."""

from typing import Any

import pytest
from epochal_operator.modelserver.steering import Steering


@pytest.mark.parametrize(
    ("spec", "read"),
    [
        ({}, (None, None)),
        ({"replicas": 0, "paused": False}, (0, False)),
        ({"replicas": 1000, "paused": True}, (1000, True)),
        ({"replicas": 1001, "paused": "true"}, (None, None)),
        ({"replicas": -1, "paused": 1}, (None, None)),
        ({"replicas": True}, (None, None)),
        ({"replicas": "3"}, (None, None)),
    ],
)
def test_a_field_that_breaks_a_rule_itself_counts_as_not_given(spec: Any, read: Any) -> None:
    assert Steering.read(spec) == read


@pytest.mark.parametrize(
    ("steering", "spec", "changes"),
    [
        (Steering(), {"replicas": 2, "paused": True}, {}),
        (Steering(2, paused=False), {"replicas": 2}, {}),
        (Steering(0, paused=False), {"replicas": 2}, {"replicas": 0}),
        (Steering(2, paused=False), {"replicas": 2, "paused": True}, {"paused": False}),
        (Steering(3, paused=True), {"replicas": 2}, {"replicas": 3, "paused": True}),
    ],
)
def test_what_is_otherwise_is_changed(steering: Steering, spec: Any, changes: Any) -> None:
    assert steering.changes({"spec": spec}) == changes
