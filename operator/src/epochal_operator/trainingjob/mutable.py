"""The mutable fields of a TrainingJob's spec, which apply even if the rest of the spec is invalid."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from epochal_api.kind import MAX_SECONDS


class Mutable(NamedTuple):
    """The mutable fields of a spec that control a started Job. The trainer itself asks for spec.finish.

    Args:
        suspend: Value of spec.suspend.
        active_deadline_seconds: Value of spec.activeDeadlineSeconds.
        ttl_seconds_after_finished: Value of spec.ttlSecondsAfterFinished.
    """

    suspend: bool = False
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Self:
        """Return the mutable fields of an invalid spec. Fields that are invalid themselves count as absent.

        Args:
            spec: The spec as JSON.
        """
        return cls(
            spec.get("suspend") is True,
            _seconds(spec.get("activeDeadlineSeconds"), 1),
            _seconds(spec.get("ttlSecondsAfterFinished"), 0),
        )


def _seconds(value: object, least: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_SECONDS else None
