"""The columns of `epochal list`. They are those of `kubectl get`, from the same definitions."""

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
    """A column of a table, which shows one field of each object.

    Args:
        header: The text in the first row.
        path: JSONPath of the field, as in a printer column of the CRD, such as .status.state.
        is_time: Whether the field is a time. The cell then has the duration since this time.
    """

    header: str
    path: str
    is_time: bool = False

    def text(self, found: Mapping[str, Any], now: datetime) -> str:
        """Return the text of this column's cell for an object."""
        value = field(found, self.path)
        if value is None or value == "":
            return NONE
        return age(value, now) if self.is_time else str(value)


def columns(kind: Kind, *, namespaces: bool, wide: bool, metric: str = "") -> list[Column]:
    """Return the columns for objects of a kind.

    Args:
        kind: The kind.
        namespaces: Whether to add a first column with the namespace.
        wide: Whether to add the columns of `kubectl get --output wide`.
        metric: The metric whose value after the last epoch is in a further column; "" for no such column.
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
    """Return the value of an object's field for the JSONPath of a printer column; None if the field is missing.

    The part after `.status.metrics.` is a single name, because the name of a metric may contain dots.
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
