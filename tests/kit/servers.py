"""ModelServers on the local cluster, and what becomes of them."""

import json
from collections.abc import Callable
from typing import Any

import yaml
from epochal_operator.modelserver.resources import UID_LABEL

from tests.kit.buckets import SECRET
from tests.kit.jobs import CPU
from tests.kit.kubectl import Object, Refused, apply, get, items, kubectl, wait

READY_SECONDS = 120
CONTAINER = "server"
RESOURCES: Object = {"requests": {"cpu": CPU, "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
"""What each takes: a core at most, and of what is set aside so little that the node has room for all of a rollout."""


def document(name: str, source: Object, **changes: Any) -> Object:
    """Returns a ModelServer, with fields of its spec changed.

    Args:
        name: Its name.
        source: Where its model comes from.
        changes: Fields of the spec.
    """
    spec = {"source": source, "storage": {"secretRef": {"name": SECRET}}, "resources": RESOURCES} | changes
    return {"apiVersion": "epochal.dev/v1alpha1", "kind": "ModelServer", "metadata": {"name": name}, "spec": spec}


class Server:
    """A ModelServer.

    Args:
        namespace: Its namespace.
        name: Its name.
    """

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace = namespace
        self.name = name
        self.url = f"http://{name}.{namespace}.svc"

    def apply(self, source: Object, **changes: Any) -> None:
        """Applies it."""
        apply(document(self.name, source, **changes), namespace=self.namespace)

    def patch(self, **spec: Any) -> None:
        """Changes fields of its spec."""
        where = ["--namespace", self.namespace, "--type", "merge"]
        kubectl("patch", "msv", self.name, *where, "--patch", json.dumps({"spec": spec}))

    def delete(self) -> None:
        """Deletes it, and waits until it is gone; its pods end behind it."""
        kubectl("delete", "msv", self.name, "--namespace", self.namespace, "--ignore-not-found", "--wait")

    @property
    def status(self) -> Object:
        """Its status, empty as long as it has none that is of its spec as it is."""
        found = get("modelserver", self.name, namespace=self.namespace)
        status: Object = found.get("status", {})
        return status if status.get("observedGeneration") == found["metadata"]["generation"] else {}

    def condition(self, kind: str) -> Object:
        """Returns a condition, empty if it isn't there."""
        conditions: list[Object] = self.status.get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == kind), {})

    def wait_ready(self, sha256: str = "", seconds: float = READY_SECONDS) -> Object:
        """Waits until all of its pods serve the model with this digest, if one is given, and returns its status."""

        def look() -> Object | None:
            status = self.status
            served = not sha256 or status.get("model", {}).get("sha256") == sha256
            return status if status.get("state") == "Ready" and served else None

        return self._wait("be Ready", look, seconds)

    def wait_condition(self, kind: str, status: str, *, reason: str = "", seconds: float = READY_SECONDS) -> Object:
        """Waits until a condition has this status, and this reason if one is given, and returns it."""

        def look() -> Object | None:
            found = self.condition(kind)
            return found if found.get("status") == status and reason in ("", found["reason"]) else None

        return self._wait(f"have {kind}={status} {reason}", look, seconds)

    def wait(self, what: str, holds: Callable[[Object], Any], seconds: float = READY_SECONDS) -> Object:
        """Waits until something holds of its status, and returns that."""
        return self._wait(what, lambda: found if holds(found := self.status) else None, seconds)

    def pods(self) -> list[Object]:
        """Returns its pods that are not on their way out."""
        uid = get("modelserver", self.name, namespace=self.namespace)["metadata"]["uid"]
        found = items("pods", namespace=self.namespace, selector=f"{UID_LABEL}={uid}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self) -> list[Object]:
        """Returns those of its pods that are ready, the one that has been for the longest time first."""
        found = [(since, pod) for pod in self.pods() if (since := ready_since(pod))]
        return [pod for _, pod in sorted(found, key=lambda one: one[0])]

    def started(self) -> dict[str, list[tuple[str, int]]]:
        """Returns the containers of its pods, with what tells whether they were started again."""
        return {
            pod["metadata"]["name"]: [
                (one["containerID"], one["restartCount"])
                for one in pod["status"].get("containerStatuses", [])
                if "containerID" in one
            ]
            for pod in self.pods()
        }

    def events(self) -> dict[str, str]:
        """Returns the messages of the Events about it, by their reasons."""
        found = (one for one in items("events", namespace=self.namespace) if one["involvedObject"]["name"] == self.name)
        return {one["reason"]: one["message"] for one in found if one["involvedObject"]["kind"] == "ModelServer"}

    def restarts(self, name: str) -> int:
        """Returns how often the server of a pod was started again."""
        pod = get("pod", name, namespace=self.namespace)
        statuses: list[Object] = pod["status"].get("containerStatuses", [])
        return sum(one["restartCount"] for one in statuses if one["name"] == CONTAINER)

    def describe(self) -> str:
        """Returns all that helps to see why it is not as it should be."""
        parts = [kubectl("describe", "modelserver", self.name, "--namespace", self.namespace)]
        for pod in self.pods():
            parts.append(yaml.safe_dump(pod["status"]))
            try:
                parts.append(kubectl("logs", pod["metadata"]["name"], "--namespace", self.namespace, "--tail", "40"))
            except Refused as error:
                parts.append(str(error))
        return "\n".join(parts)

    def _wait(self, what: str, look: Any, seconds: float) -> Object:
        try:
            found: Object = wait(f"{self.name} to {what}", look, seconds=seconds, every=0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.describe()}") from None
        return found


def ready_since(pod: Object) -> str:
    """Returns since when a pod is ready; empty if it is not."""
    conditions = {one["type"]: one for one in pod["status"].get("conditions", [])}
    ready = conditions.get("Ready", {})
    return str(ready["lastTransitionTime"]) if ready.get("status") == "True" else ""
