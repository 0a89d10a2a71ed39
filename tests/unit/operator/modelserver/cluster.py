"""A simulated cluster: fake API objects, the operator, and a Deployment controller, with a virtual clock."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from epochal_operator.experiment.kind import experiments
from epochal_operator.modelserver.kind import model_servers
from epochal_operator.modelserver.reconcile import Reconciler
from epochal_operator.modelserver.resources import REVISION_ANNOTATION
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.kind import store_for, watched_sources
from epochal_operator.trainingjob.kind import training_jobs

from tests.kit.fake.objects import Objects, Refusal
from tests.unit.operator.direct import Direct, Killed
from tests.unit.operator.fakes import reconcile_context
from tests.unit.operator.modelserver.servers import SPEC
from tests.unit.operator.objects import INSTALLATION, NOW

if TYPE_CHECKING:
    from epochal_operator.pods.installation import Installation

KEY = Key("vision", "digits")
OWNED = ("deployments", "services", "poddisruptionbudgets", "horizontalpodautoscalers", "networkpolicies")

Outcome = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Returns the status of the failed container of a pod, by the pod's spec; None if the pod becomes ready."""


class Cluster:
    """A ModelServer, its operator, and the controllers of its pods.

    Args:
        spec: Fields of the ModelServer's spec.

    Attributes:
        now: The current virtual time.
        objects: All API objects.
        installation: The settings of Epochal's installation.
        outcome: The outcome of new pods.
        refuse: Returns the refusal of a write, or None to accept it.
    """

    def __init__(self, **spec: Any) -> None:
        self.now: datetime = NOW
        self.objects = Objects("vision", clock=lambda: self.now)
        self.installation: Installation = INSTALLATION
        self.outcome: Outcome = lambda _: None
        self.refuse: Callable[[str, str, str], Refusal | None] = lambda *_: None
        self.deaths = 0
        self._rolled_out = ""
        self._revision = 0
        fields = {"replicas": 1, **SPEC, **spec}
        self.objects.create("modelservers", "vision", {"metadata": {"name": "digits"}, "spec": fields})
        self.boot()

    def boot(self) -> None:
        """Start a new operator process, without state."""
        self.kinds = [
            training_jobs(lambda: self.installation, instance="test"),
            experiments(lambda: self.installation, instance="test"),
            model_servers(lambda: self.installation, instance="test"),
        ]
        self.store = store_for(self.kinds)
        self.kube = Direct(self.objects, self._refused)
        self.reconciler = Reconciler(
            reconcile_context(self.kube, self.store), lambda: self.installation, instance="test", clock=lambda: self.now
        )

    def _refused(self, verb: str, resource: str, name: str) -> Refusal | None:
        return self.refuse(verb, resource, name)

    def list_objects(self) -> None:
        """Fill the operator's store with all objects, as its list requests do."""
        for source in watched_sources(self.kinds):
            listed = [item for item in self.objects.list(source.resource.plural) if source.selects(item)]
            for item in listed:
                self.store.put(source.resource, item)
            uids = {item["metadata"]["uid"] for item in listed}
            self.store.prune_missing(source, uids, str(self.objects.version), None)

    async def reconcile(self) -> float | None:
        """Reconcile once, with all objects in the store."""
        self.list_objects()
        return await self.reconciler.reconcile(KEY)

    async def settle(self, *, dies_after: int | None = None) -> None:
        """Run the operator and the Deployment controller until no object changes."""
        for _ in range(200):
            version = self.objects.version
            if dies_after is not None and self.kube.dies_after is None:
                self.kube.dies_after = dies_after
            try:
                await self.reconcile()
            except Killed:
                self.deaths += 1
                self.boot()
                continue
            self.control()
            if self.objects.version == version:
                return
        raise AssertionError("objects still change after 200 reconciles")

    def control(self) -> None:
        """Run the Deployment controller and the kubelet once."""
        for deployed in self.objects.list("deployments"):
            spec, template = deployed["spec"], deployed["spec"]["template"]
            digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]
            if not spec["paused"] or not self.pods():
                current = self._of(digest)
                for number in range(len(current), spec["replicas"]):
                    self._pod(deployed, template, digest, number)
                for one in current[spec["replicas"] :]:
                    self._remove(one)
                for one in self.pods() if all(map(_is_ready, self._of(digest))) else ():
                    if one not in self._of(digest):
                        self._remove(one)
            self._count_rollouts(deployed, digest)
            status = {
                "observedGeneration": deployed["metadata"]["generation"],
                "replicas": len(self.pods()),
                "updatedReplicas": len(self._of(digest)),
                "readyReplicas": sum(map(_is_ready, self.pods())),
            }
            self.objects.patch("deployments", "vision", "digits", {"status": status}, subresource="status")

    def _count_rollouts(self, deployed: Any, digest: str) -> None:
        """Count a changed template as a new revision, also a template that was used before."""
        if self._rolled_out == digest or (deployed["spec"]["paused"] and self._rolled_out):
            return
        self._rolled_out, self._revision = digest, self._revision + 1
        annotations = {REVISION_ANNOTATION: str(self._revision)}
        self.objects.patch("deployments", "vision", "digits", {"metadata": {"annotations": annotations}})

    def _of(self, digest: str) -> list[Any]:
        return [one for one in self.pods() if one["metadata"]["labels"]["pod-template-hash"] == digest]

    def _pod(self, deployed: Any, template: Any, digest: str, number: int) -> Any:
        name = f"digits-{digest}"
        labels = template["metadata"]["labels"] | {"pod-template-hash": digest}
        if not any(one["metadata"]["name"] == name for one in self.objects.list("replicasets")):
            owner = _owner("Deployment", "apps/v1", deployed)
            about = {"name": name, "labels": labels, "ownerReferences": [owner]}
            self.objects.create("replicasets", "vision", {"metadata": about, "spec": {"template": template}})
        owner = _owner("ReplicaSet", "apps/v1", self.objects.get("replicasets", "vision", name))
        about = {
            "name": f"{name}-{number}",
            "labels": labels,
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": [owner],
        }
        made = self.objects.create(
            "pods", "vision", {"metadata": about, "spec": template["spec"] | {"nodeName": "one"}}
        )
        failed = self.outcome(template["spec"])
        where = "initContainerStatuses" if failed and failed["name"] == "convert" else "containerStatuses"
        status: dict[str, Any] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        if failed:
            status = {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}], where: [failed]}
        return self.objects.patch("pods", "vision", made["metadata"]["name"], {"status": status}, subresource="status")

    def _remove(self, one: Any) -> None:
        self.objects.delete("pods", "vision", one["metadata"]["name"], grace=0)

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += timedelta(seconds=seconds)

    def change(self, **spec: Any) -> None:
        """Change fields of the ModelServer's spec."""
        self.objects.patch("modelservers", "vision", "digits", {"spec": spec})

    async def update(self, **spec: Any) -> None:
        """Change fields of the ModelServer's spec, and wait for the outcome."""
        self.change(**spec)
        await self.settle()

    async def restart(self) -> None:
        """Start a new operator process, and wait for its actions."""
        self.boot()
        await self.settle()

    def get(self, resource: str = "modelservers") -> Any:
        """Return the object with the name of the ModelServer."""
        return self.objects.get(resource, "vision", "digits")

    def owned(self) -> set[str]:
        """Return the resources of the existing children."""
        return {resource for resource in OWNED if self.objects.list(resource)}

    @property
    def status(self) -> Any:
        """The ModelServer's status."""
        return self.get().get("status", {})

    def condition(self, kind: str) -> tuple[str, str]:
        """Return the status and the reason of a condition."""
        (found,) = [one for one in self.status["conditions"] if one["type"] == kind]
        return found["status"], found["reason"]

    def message(self, kind: str) -> str:
        """Return the message of a condition."""
        (found,) = [one for one in self.status["conditions"] if one["type"] == kind]
        return str(found["message"])

    def events(self) -> list[str]:
        """Return the reasons of the Events in order."""
        found = sorted(self.objects.list("events"), key=lambda one: int(one["metadata"]["resourceVersion"]))
        return [one["reason"] for one in found]

    def pods(self) -> list[Any]:
        return self.objects.list("pods")


def _is_ready(one: Any) -> bool:
    return bool(one["status"]["conditions"][0]["status"] == "True")


def _owner(kind: str, version: str, thing: Any) -> dict[str, Any]:
    about = {"name": thing["metadata"]["name"], "uid": thing["metadata"]["uid"]}
    return {"apiVersion": version, "kind": kind, "controller": True, "blockOwnerDeletion": True, **about}
