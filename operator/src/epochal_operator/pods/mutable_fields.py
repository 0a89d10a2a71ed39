"""The mutable fields of a spec, which apply even if the rest of the spec is invalid."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from epochal_api.kind import MAX_SECONDS
from epochal_api.modelserver.spec import MAX_REPLICAS


class MutableFields(NamedTuple):
    """The mutable fields that control the pods and the lifetime of an object; each kind has some of them.

    A user or an autoscaler needs them in an emergency, even if a new version of Epochal refuses the spec.

    Args:
        suspend: Value of spec.suspend.
        active_deadline_seconds: Value of spec.activeDeadlineSeconds.
        ttl_seconds_after_finished: Value of spec.ttlSecondsAfterFinished.
        replicas: Value of spec.replicas.
        paused: Value of spec.paused.
    """

    suspend: bool = False
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    replicas: int | None = None
    paused: bool | None = None

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Self:
        """Return the mutable fields of an invalid spec. Fields that are invalid themselves count as absent.

        Args:
            spec: The spec as JSON.
        """
        paused = spec.get("paused")
        return cls(
            spec.get("suspend") is True,
            _number(spec.get("activeDeadlineSeconds"), 1, MAX_SECONDS),
            _number(spec.get("ttlSecondsAfterFinished"), 0, MAX_SECONDS),
            _number(spec.get("replicas"), 0, MAX_REPLICAS),
            paused if isinstance(paused, bool) else None,
        )


def _number(value: object, least: int, most: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most else None
