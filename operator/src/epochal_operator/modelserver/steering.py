"""The spec fields that apply even if the spec is invalid: an autoscaler or a user needs them in an emergency."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from epochal_api.modelserver import MAX_REPLICAS

from epochal_operator.modelserver.actions import Patch
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.owned import DEPLOYMENT
from epochal_operator.runtime.api.resource import Object


class Steering(NamedTuple):
    """The fields of a ModelServer's spec that apply to an existing Deployment in any case.

    Args:
        replicas: The spec.replicas; None if the value is invalid.
        paused: The spec.paused; None if the value is not a boolean.
    """

    replicas: int | None = None
    paused: bool | None = None

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Self:
        """Return these fields of an invalid spec; a field with an invalid value is None.

        Args:
            spec: The spec as JSON.
        """
        replicas, paused = spec.get("replicas"), spec.get("paused")
        is_count = isinstance(replicas, int) and not isinstance(replicas, bool) and 0 <= replicas <= MAX_REPLICAS
        return cls(replicas if is_count else None, paused if isinstance(paused, bool) else None)

    def changes(self, deployment: Object) -> dict[str, Any]:
        """Return the desired values of the Deployment's spec fields that differ.

        Args:
            deployment: The cached Deployment.
        """
        spec = deployment["spec"]
        found = {"replicas": spec.get("replicas"), "paused": spec.get("paused") or False}
        return {name: value for name, value in self._asdict().items() if value not in (None, found[name])}


def steering_step(steering: Steering, observed: Observed) -> Patch | None:
    """Return the Patch of these fields for the Deployment, or None; the spec is invalid, so no other field is written.

    Args:
        steering: The desired fields.
        observed: The observed state of the ModelServer.
    """
    seen = next((one for one in observed.children if one.child is DEPLOYMENT), None)
    if seen is None or seen.thing is None or seen.is_held(observed.now):
        return None
    spec = {} if seen.thing["metadata"].get("deletionTimestamp") else steering.changes(seen.thing)
    return Patch(seen.child.resource, seen.thing, spec, {}) if spec else None
