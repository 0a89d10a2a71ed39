"""The columns of `epochal list`: those of `kubectl get`, from the same definitions."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from epochal_api import printer_columns

from epochal.client.kinds import EXPERIMENTS, MODEL_SERVERS, TRAINING_JOBS, Kind
from epochal.views.table import NONE, age

_DEFINITIONS: Mapping[Kind, Sequence[Mapping[str, Any]]] = {
    TRAINING_JOBS: printer_columns.TRAINING_JOBS,
    EXPERIMENTS: printer_columns.EXPERIMENTS,
    MODEL_SERVERS: printer_columns.MODEL_SERVERS,
}
_FILTER = re.compile(r"(\w+)\[\?\(@\.type==\"(\w+)\"\)\]")


class Column(NamedTuple):
    """A column, and the path of its field in an object.

    Args:
        header: The header.
        path: JSONPath of the CRD, such as .status.state.
        is_time: Whether to print the duration since the field's time.
    """

    header: str
    path: str
    is_time: bool = False

    def text(self, found: Mapping[str, Any], now: datetime) -> str:
        """Return the text of this column for an object, as a table shows it."""
        value = field(found, self.path)
        if value is None or value == "":
            return NONE
        return age(value, now) if self.is_time else str(value)


def columns(kind: Kind, *, namespaces: bool, wide: bool, metric: str = "") -> list[Column]:
    """Return the columns of a kind.

    Args:
        kind: The kind.
        namespaces: Whether the first column is the namespace.
        wide: Whether to add the columns of `kubectl get --output wide`.
        metric: Another column, with this metric of the last epoch; "" for none.
    """
    defined = [
        Column(column["name"].upper(), column["jsonPath"], column["type"] == "date")
        for column in _DEFINITIONS[kind]
        if wide or not column.get("priority")
    ]
    first = [Column("NAMESPACE", ".metadata.namespace")] if namespaces else []
    extra = [Column(metric.upper(), f".status.metrics.{metric}")] if metric else []
    return [*first, Column("NAME", ".metadata.name"), *defined, *extra]


def field(found: Mapping[str, Any], path: str) -> Any:
    """Return a field by a JSONPath of a printer column, or None.

    A name of a metric may contain dots, so `.status.metrics.` ends with one name.
    """
    if path.startswith(".status.metrics."):
        return ((found.get("status") or {}).get("metrics") or {}).get(path.removeprefix(".status.metrics."))
    value: Any = found
    for part in re.split(r"\.(?![^\[]*\])", path.removeprefix(".")):
        if not isinstance(value, Mapping):
            return None
        if match := _FILTER.fullmatch(part):
            items = value.get(match[1]) or []
            value = next((item for item in items if isinstance(item, Mapping) and item.get("type") == match[2]), None)
        else:
            value = value.get(part)
    return value
