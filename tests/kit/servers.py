"""ModelServers on the local cluster."""

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
"""Resources of each server: at most one core, with requests so small that the node has room for a whole rollout."""


def document(name: str, source: Object, **changes: Any) -> Object:
    """Returns a ModelServer with a source and further fields of its spec."""
    spec = {"source": source, "storage": {"secretRef": {"name": SECRET}}, "resources": RESOURCES} | changes
    return {"apiVersion": "epochal.dev/v1alpha1", "kind": "ModelServer", "metadata": {"name": name}, "spec": spec}


class Server:
    def __init__(self, namespace: str, name: str) -> None:
        self.namespace = namespace
        self.name = name
        self.url = f"http://{name}.{namespace}.svc"

    def apply(self, source: Object, **changes: Any) -> None:
        apply(document(self.name, source, **changes), namespace=self.namespace)

    def patch(self, **spec: Any) -> None:
        where = ["--namespace", self.namespace, "--type", "merge"]
        kubectl("patch", "msv", self.name, *where, "--patch", json.dumps({"spec": spec}))

    def delete(self) -> None:
        """Deletes the ModelServer and waits until it is gone; its pods end later."""
        kubectl("delete", "msv", self.name, "--namespace", self.namespace, "--ignore-not-found", "--wait")

    @property
    def status(self) -> Object:
        """The status, empty unless it is of the current generation."""
        found = get("modelserver", self.name, namespace=self.namespace)
        status: Object = found.get("status", {})
        return status if status.get("observedGeneration") == found["metadata"]["generation"] else {}

    def condition(self, kind: str) -> Object:
        """Returns a condition, empty if it does not exist."""
        conditions: list[Object] = self.status.get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == kind), {})

    def wait_ready(self, sha256: str = "", seconds: float = READY_SECONDS) -> Object:
        """Waits until all pods serve the model (with this digest, if one is given), and returns the status."""

        def poll() -> Object | None:
            status = self.status
            served = not sha256 or status.get("model", {}).get("sha256") == sha256
            return status if status.get("state") == "Ready" and served else None

        return self._wait("be Ready", poll, seconds)

    def wait_condition(self, kind: str, status: str, *, reason: str = "", seconds: float = READY_SECONDS) -> Object:
        """Waits until a condition has this status (and reason, if one is given), and returns it."""

        def poll() -> Object | None:
            found = self.condition(kind)
            return found if found.get("status") == status and reason in ("", found["reason"]) else None

        return self._wait(f"have {kind}={status} {reason}", poll, seconds)

    def wait(self, what: str, holds: Callable[[Object], Any], seconds: float = READY_SECONDS) -> Object:
        """Waits until `holds` is true of the status, and returns the status."""
        return self._wait(what, lambda: found if holds(found := self.status) else None, seconds)

    def pods(self) -> list[Object]:
        """Returns the pods that are not terminating."""
        uid = get("modelserver", self.name, namespace=self.namespace)["metadata"]["uid"]
        found = items("pods", namespace=self.namespace, selector=f"{UID_LABEL}={uid}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self) -> list[Object]:
        """Returns the ready pods, the one that has been ready longest first."""
        found = [(since, pod) for pod in self.pods() if (since := ready_since(pod))]
        return [pod for _, pod in sorted(found, key=lambda one: one[0])]

    def started(self) -> dict[str, list[tuple[str, int]]]:
        """Returns the start times and restart counts of the pods' containers."""
        return {
            pod["metadata"]["name"]: [
                (container["containerID"], container["restartCount"])
                for container in pod["status"].get("containerStatuses", [])
                if "containerID" in container
            ]
            for pod in self.pods()
        }

    def events(self) -> dict[str, str]:
        """Returns the messages of the Events about the ModelServer by their reasons."""
        found = (
            event for event in items("events", namespace=self.namespace) if event["involvedObject"]["name"] == self.name
        )
        return {item["reason"]: item["message"] for item in found if item["involvedObject"]["kind"] == "ModelServer"}

    def restarts(self, name: str) -> int:
        pod = get("pod", name, namespace=self.namespace)
        statuses: list[Object] = pod["status"].get("containerStatuses", [])
        return sum(status["restartCount"] for status in statuses if status["name"] == CONTAINER)

    def describe(self) -> str:
        parts = [kubectl("describe", "modelserver", self.name, "--namespace", self.namespace)]
        for pod in self.pods():
            parts.append(yaml.safe_dump(pod["status"]))
            try:
                parts.append(kubectl("logs", pod["metadata"]["name"], "--namespace", self.namespace, "--tail", "40"))
            except Refused as error:
                parts.append(str(error))
        return "\n".join(parts)

    def _wait(self, what: str, poll: Any, seconds: float) -> Object:
        try:
            found: Object = wait(f"{self.name} to {what}", poll, seconds=seconds, every=0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.describe()}") from None
        return found


def ready_since(pod: Object) -> str:
    """Returns the time since which a pod is ready; empty if it is not."""
    conditions = {condition["type"]: condition for condition in pod["status"].get("conditions", [])}
    ready = conditions.get("Ready", {})
    return str(ready["lastTransitionTime"]) if ready.get("status") == "True" else ""
