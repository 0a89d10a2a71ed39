"""Fields of objects by the JSONPaths of the CRDs."""

from typing import Any

import pytest
from epochal.client.kinds import EPOCHAL_KINDS
from epochal.views.columns import columns, field

from tests.unit.cli.views.times import NOW

CONDITIONS = [{"type": "Ready", "reason": "Queued"}, {"type": "Failed", "reason": "BadData"}]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".metadata.name", "a"),
        ('.status.conditions[?(@.type=="Failed")].reason', "BadData"),
        ('.status.conditions[?(@.type=="None")].reason', None),
        (".status.none.deeper", None),
        (".status.state.deeper", None),
        (".status.metrics.val_a.b", "0.5"),
    ],
)
def test_a_path(path: str, value: Any) -> None:
    status = {"state": "Queued", "conditions": CONDITIONS, "metrics": {"val_a.b": "0.5"}}
    assert field({"metadata": {"name": "a"}, "status": status}, path) == value


@pytest.mark.parametrize("kind", EPOCHAL_KINDS, ids=lambda kind: kind.plural)
def test_an_object_without_a_status_has_a_cell_for_each_column(kind: Any) -> None:
    found = {"metadata": {"name": "a", "creationTimestamp": "2026-11-29T23:59:00Z"}}
    cells = [column.text(found, NOW) for column in columns(kind, namespaces=True, wide=True)]
    assert cells[1] == "a"
    assert "1m" in cells
    assert set(cells) == {"a", "1m", "-"}
