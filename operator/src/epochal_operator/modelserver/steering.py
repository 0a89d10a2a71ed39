"""What of a spec counts whatever the rest of it says: an autoscaler, or people, go by it in an emergency."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from epochal_api.modelserver import MAX_REPLICAS

from epochal_operator.modelserver.actions import Patch
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.owned import DEPLOYMENT
from epochal_operator.runtime.resource import Object


class Steering(NamedTuple):
    """The fields of a ModelServer's spec that steer a Deployment that there is.

    Args:
        replicas: Its spec.replicas; None if that is no such number.
        paused: Its spec.paused; None if that is neither true nor false.
    """

    replicas: int | None = None
    paused: bool | None = None

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Self:
        """Returns these fields of a spec that breaks the API's rules; one that does so itself counts as not given.

        Args:
            spec: The spec as JSON.
        """
        replicas, paused = spec.get("replicas"), spec.get("paused")
        is_count = isinstance(replicas, int) and not isinstance(replicas, bool) and 0 <= replicas <= MAX_REPLICAS
        return cls(replicas if is_count else None, paused if isinstance(paused, bool) else None)

    def changes(self, deployment: Object) -> dict[str, Any]:
        """Returns the fields of a Deployment's spec that are otherwise, as they should be.

        Args:
            deployment: The Deployment as it is kept.
        """
        spec = deployment["spec"]
        found = {"replicas": spec.get("replicas"), "paused": spec.get("paused") or False}
        return {name: value for name, value in self._asdict().items() if value not in (None, found[name])}


def steering_step(steering: Steering, observed: Observed) -> Patch | None:
    """Returns what steers a Deployment of which nothing else can be told how it should be.

    Args:
        steering: How it is steered.
        observed: What is seen of the ModelServer.
    """
    seen = next((one for one in observed.children if one.child is DEPLOYMENT), None)
    if seen is None or seen.thing is None or seen.is_held(observed.now):
        return None
    spec = {} if seen.thing["metadata"].get("deletionTimestamp") else steering.changes(seen.thing)
    return Patch(seen.child.resource, seen.thing, spec, {}) if spec else None
