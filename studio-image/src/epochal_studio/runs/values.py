"""Reads values in objects that users or other versions of Epochal wrote. Each function accepts any JSON value."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from epochal.views.table import parse_time
from epochal_api.experiment.status import ExperimentStatus
from epochal_api.model import StatusModel
from epochal_api.modelserver.status import ModelServerStatus
from epochal_api.read_status import read_status
from epochal_api.text import printable
from epochal_api.trainingjob.status import Status

from epochal_studio.wire.common import RUN_KINDS, RunKind

MAX_TEXT = 1000
"""Default maximum of characters in `text`."""
_EXACT = 2**53
"""Largest integer that JavaScript represents exactly."""
_MAX_DIGITS = 64
_STATUSES: Mapping[str, type[StatusModel]] = {"Experiment": ExperimentStatus, "ModelServer": ModelServerStatus}
_EMPTY: Mapping[str, Any] = MappingProxyType({})


class Readable(NamedTuple):
    """An object whose status has only fields and types of this version of Epochal.

    Args:
        kind: Kind of the object; TrainingJob if the kind is unknown.
        metadata: Metadata of the object; empty if it is no mapping.
        spec: Spec of the object with any content; empty if it is no mapping.
        status: Status of the object without invalid fields.
    """

    kind: RunKind
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    status: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """Return the object as a dictionary, for the functions of `epochal.views`."""
        return {"kind": self.kind, "metadata": self.metadata, "spec": self.spec, "status": self.status}


def readable(found: Mapping[str, Any]) -> Readable:
    """Return kind, metadata and spec of an object with any content, and its status without invalid fields."""
    kind = run_kind(found.get("kind")) or "TrainingJob"
    raw = mapping(found.get("status"))
    model = _STATUSES.get(kind, Status)
    try:
        status = read_status(model, {name: value for name, value in raw.items() if isinstance(name, str)}).dump()
    except (RecursionError, ValueError):  # a value of extreme depth or size
        status = {}
    # A newer operator may have states that this version does not know.
    state = text(raw.get("state"), 64)
    status = {**status, "state": state} if state else status
    return Readable(kind, mapping(found.get("metadata")), mapping(found.get("spec")), status)


def run_kind(value: object) -> RunKind | None:
    """Return the value if it is TrainingJob, Experiment or ModelServer, else None."""
    return next((kind for kind in RUN_KINDS if kind == value), None)


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping, else an empty mapping."""
    return value if isinstance(value, Mapping) else _EMPTY


def items(value: object) -> list[Mapping[str, Any]]:
    """Return the items of a list that are mappings; an empty list for any other value."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text(value: object, limit: int = MAX_TEXT) -> str:
    """Return a text as one line without control characters, cut at `limit` characters; "" for any other value."""
    if not isinstance(value, str):
        return ""
    line = " ".join(printable(value[: limit + 1], instead=" ").split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def count(value: object) -> int | None:
    """Return the value if it is an integer from 0 to 2^53, the largest exact integer in JavaScript; else None."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _EXACT
    return value if is_count and isinstance(value, int) else None


def number(value: object) -> float | None:
    """Return a finite number, or the number in a text (a status has metrics as texts); None for any other value."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str) and len(value) > _MAX_DIGITS:
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def time(value: object) -> datetime | None:
    """Return the time in a text of RFC 3339, in UTC; None for any other value."""
    found = parse_time(value) if isinstance(value, str) else None
    try:
        return None if found is None else found.astimezone(UTC)
    except OverflowError:  # the first or last day that Python knows, in another time zone
        return None
