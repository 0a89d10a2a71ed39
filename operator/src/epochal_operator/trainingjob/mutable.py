"""What of a spec may still change once it has begun: it counts whatever the rest of the spec says."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from epochal_api.kind import MAX_SECONDS


class Mutable(NamedTuple):
    """The fields of a spec that steer what has begun; a trainer asks for spec.finish itself.

    Args:
        suspend: Its spec.suspend.
        active_deadline_seconds: Its spec.activeDeadlineSeconds.
        ttl_seconds_after_finished: Its spec.ttlSecondsAfterFinished.
    """

    suspend: bool = False
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Self:
        """Returns these fields of a spec that breaks the API's rules; one that does so itself counts as not given.

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
