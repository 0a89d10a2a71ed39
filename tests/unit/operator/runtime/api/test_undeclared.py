"""Messages of the API server about fields and values that the installed CRD does not declare."""

from typing import Any

import pytest
from epochal_operator.runtime.api.undeclared import remove_undeclared

HEAD = "failed to create typed patch object (vision/digits; epochal.dev/v1alpha1, Kind=TrainingJob):"
SAID = "field not declared in schema"
INVALID = 'TrainingJob.epochal.dev "digits" is invalid:'
STATE = 'status.state: Unsupported value: "Waiting": supported values: "Queued", "Running"'
STATUS: dict[str, Any] = {
    "state": "Running",
    "progress": {"epoch": 1, "metricNames": ["loss"]},
    "conditions": [{"type": "Ready", "why": "x"}, {"type": "Stalled", "why": "x"}],
}


@pytest.mark.parametrize(
    ("message", "left", "paths"),
    [
        (
            f"{HEAD} .status.progress.metricNames: {SAID}",
            STATUS | {"progress": {"epoch": 1}},
            [".status.progress.metricNames"],
        ),
        (
            f"{HEAD} .status.progress: {SAID}",
            {"state": "Running", "conditions": STATUS["conditions"]},
            [".status.progress"],
        ),
        (
            "\n  ".join(
                [
                    f"{HEAD} errors:",
                    f".status.state: {SAID}",
                    f'.status.conditions[type="Ready"].why: {SAID}',
                    f'.status.conditions[type="Stalled"].why: {SAID}',
                ]
            ),
            {"progress": STATUS["progress"], "conditions": [{"type": "Ready"}, {"type": "Stalled"}]},
            [".status.state", ".status.conditions[].why"],
        ),
        (f"{HEAD} .spec.state: {SAID}", STATUS, []),
        (f"{HEAD} .status.state: expected numeric (int or float), got string", STATUS, []),
        ("etcdserver: request timed out", STATUS, []),
        (f"{INVALID} {STATE}", {name: part for name, part in STATUS.items() if name != "state"}, [".status.state"]),
        (
            f'{INVALID} [{STATE}, status.progress.stage: Unsupported value: "Sharding": supported values: "Loading"]',
            {name: part for name, part in STATUS.items() if name != "state"},
            [".status.state"],
        ),
        (f'{INVALID} spec.state: Unsupported value: "x"', STATUS, []),
    ],
)
def test_undeclared_fields_are_removed(message: str, left: Any, paths: list[str]) -> None:
    assert remove_undeclared(STATUS, message, ".status") == (left, paths)
