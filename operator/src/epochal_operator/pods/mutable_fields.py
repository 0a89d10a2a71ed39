"""The mutable fields of a spec, which the operator applies even if the rest of the spec is invalid."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from epochal_api.kind import MAX_SECONDS
from epochal_api.modelserver.spec import MAX_REPLICAS


class MutableFields(NamedTuple):
    """Spec fields that control the pods and the lifetime of an object; None if absent. Each kind has some of them.

    A user or an autoscaler needs them in an emergency, even if a new version of Epochal refuses the spec.
    """

    suspend: bool = False
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    replicas: int | None = None
    paused: bool | None = None

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Self:
        """Return the mutable fields in the JSON of an invalid spec. A mutable field with an invalid value is absent."""
        paused = spec.get("paused")
        return cls(
            spec.get("suspend") is True,
            _integer(spec.get("activeDeadlineSeconds"), 1, MAX_SECONDS),
            _integer(spec.get("ttlSecondsAfterFinished"), 0, MAX_SECONDS),
            _integer(spec.get("replicas"), 0, MAX_REPLICAS),
            paused if isinstance(paused, bool) else None,
        )


def _integer(value: object, minimum: int, maximum: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum else None
