"""A cluster in virtual time: objects, an operator that may crash after any write, and trainers."""

import hashlib
import json
import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from epochal_operator.experiment.kind import experiments
from epochal_operator.experiment.ledger.encoding import decode, encode
from epochal_operator.experiment.ledger.events import CheckpointsUnneeded, Created, Event, Owner
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.reconcile import Reconciler
from epochal_operator.experiment.search.request import Request, Response, Suggestion
from epochal_operator.experiment.trial import Trial
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.kind import store_for, watched_sources

from tests.kit.fake.objects import Objects, Refusal
from tests.unit.operator.direct import Direct, Killed
from tests.unit.operator.experiment.searches import spec_document
from tests.unit.operator.fakes import reconcile_context
from tests.unit.operator.objects import INSTALLATION, KIND, NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEY = Key("vision", "search")
MAX_WAIT_SECONDS = 5.0
"""Virtual seconds to wait for a reconcile before the trainers continue."""


class Cluster:
    """An Experiment, its operator and the trainers of its trials.

    Args:
        changes: Fields of the Experiment's spec, and the template's epochs.

    Attributes:
        failures: The reasons of trials that fail, by number.
        refuse: Returns the refusal of a request, or None.
        requests: The requests to the searcher.
    """

    def __init__(self, **changes: Any) -> None:
        self.now: datetime = NOW
        self.objects = Objects("vision", clock=lambda: self.now)
        self.failures: dict[int, str] = {}
        self.refuse: Callable[[str, str, str], Refusal | None] = lambda *_: None
        self.requests: list[Request] = []
        self.search: Callable[[Request], Response] = suggest
        self.crashes = 0
        self.objects.create(
            "experiments", KEY.namespace, {"metadata": {"name": KEY.name}, "spec": spec_document(**changes)}
        )
        self.restart_operator()

    def restart_operator(self) -> None:
        """Starts an operator with an empty cache."""
        self.kinds = [KIND, experiments(lambda: INSTALLATION, instance="test")]
        self.store = store_for(self.kinds)
        self.kube = Direct(self.objects, self._refused)
        self.reconciler = Reconciler(
            reconcile_context(self.kube, self.store),
            lambda: INSTALLATION,
            instance="test",
            ask=self._ask,
            clock=lambda: self.now,
        )

    def _refused(self, verb: str, resource: str, name: str) -> Refusal | None:
        return self.refuse(verb, resource, name)

    def sync_cache(self) -> None:
        """Puts all objects into the operator's cache, as list requests do."""
        for source in watched_sources(self.kinds):
            if source.resource.plural not in self.objects.resources:
                continue
            things = [one for one in self.objects.list(source.resource.plural) if source.selects(one)]
            for thing in things:
                self.store.put(source.resource, thing)
            uids = {one["metadata"]["uid"] for one in things}
            self.store.prune_missing(source, uids, str(self.objects.version), None)

    async def reconcile(self) -> float | None:
        """Reconciles until no reconcile is due now; returns the seconds until the next."""
        after: float | None = 0
        while after == 0:
            self.sync_cache()
            after = await self.reconciler.reconcile(KEY)
        return after

    async def settle(self, *, dies_after: int | None = None) -> float | None:
        """Reconciles until no reconcile is due soon, with a new operator after each crash; returns the delay."""
        for _ in range(500):
            if dies_after is not None and self.kube.dies_after is None:
                self.kube.dies_after = dies_after
            try:
                after = await self.reconcile()
            except Killed:
                self.crashes += 1
                self.restart_operator()
                continue
            if after is None or after > MAX_WAIT_SECONDS:
                return after
            self.now += timedelta(seconds=after)
        raise AssertionError("a reconcile is due again and again")

    async def run(self, *, dies_after: int | None = None, once: int | None = None) -> None:
        """Runs trainers until the Experiment has ended and its report is written.

        Args:
            dies_after: The number of writes after which each operator is killed.
            once: The number of writes after which the first operator is killed.
        """
        self.kube.dies_after = once
        for _ in range(200):
            after = await self.settle(dies_after=dies_after)
            if not self.run_trainers() and self.is_finished() and (after is None or after > MAX_WAIT_SECONDS):
                return
            self.now += timedelta(seconds=60)
        raise AssertionError(f"the Experiment does not end: {self.status()}")

    async def complete(self) -> None:
        """Runs until the search has completed all trials."""
        await self.run()
        assert self.condition("Complete")["reason"] == "Completed"

    async def train(self, rounds: int, *, seconds: float = 60) -> float | None:
        """Reconciles and runs trainers, again and again; returns the delay of the last reconcile."""
        after = None
        for _ in range(rounds):
            after = await self.settle()
            self.run_trainers()
            self.now += timedelta(seconds=seconds)
        return after

    def run_trainers(self) -> bool:
        """Starts or finishes the rung of each trial, and writes the report; returns whether a status has changed."""
        busy = False
        for job in self.jobs():
            status = job.get("status") or {}
            if status.get("state") in {"Complete", "Failed"}:
                continue
            state = "Suspended" if job["spec"].get("suspend") else "Running"
            if status.get("state") == "Running" and state == "Running":
                self.finish_rung(job)
            elif status.get("state") == state:
                continue
            else:
                self.patch_status(job, {"state": state, "startTime": self.time()})
            busy = True
        for job in self.objects.list("jobs"):
            if not job.get("status"):
                done = {"conditions": [{"type": "Complete", "status": "True"}]}
                self.objects.patch(
                    "jobs", KEY.namespace, job["metadata"]["name"], {"status": done}, subresource="status"
                )
                busy = True
        return busy

    def finish_rung(self, job: Any) -> None:
        training, number = job["spec"]["training"], int(job["metadata"]["labels"]["epochal.dev/trial"])
        if reason := self.failures.get(number):
            condition = {"type": "Failed", "status": "True", "reason": reason}
            self.patch_status(job, {"state": "Failed", "conditions": [condition], "completionTime": self.time()})
            return
        epoch = training.get("stopAfterEpoch", training["epochs"])
        reason = "StoppedAfterEpoch" if epoch < training["epochs"] else "Completed"
        value = f"{accuracy(training['optimizer'], epoch):.6g}"
        self.patch_status(
            job,
            {
                "state": "Complete",
                "conditions": [{"type": "Complete", "status": "True", "reason": reason}],
                "completionTime": self.time(),
                "progress": {"epoch": epoch, "epochs": training["epochs"]},
                "best": {"epoch": epoch, "metric": "val_accuracy", "value": value},
            },
        )

    def patch_status(self, job: Any, status: Any) -> None:
        self.objects.patch(
            "trainingjobs", KEY.namespace, job["metadata"]["name"], {"status": status}, subresource="status"
        )

    def jobs(self) -> list[Any]:
        return self.objects.list("trainingjobs")

    def job_names(self, *states: str) -> list[str]:
        """Returns the names of the TrainingJobs, or of those in these states."""
        jobs = (job for job in self.jobs() if not states or (job.get("status") or {}).get("state", "Queued") in states)
        return [job["metadata"]["name"] for job in jobs]

    def ready(self) -> tuple[str, str]:
        """Returns status and reason of the condition Ready."""
        condition = self.condition("Ready")
        return condition["status"], condition["reason"]

    def copy_experiment(self, name: str, **objective: Any) -> Any:
        """Creates a copy of the Experiment with another name and objective."""
        copy = self.experiment() | {"metadata": {"name": name}}
        copy["spec"]["objective"] |= objective
        return self.objects.create("experiments", KEY.namespace, copy)

    def experiment(self) -> Any:
        return self.objects.get("experiments", *KEY)

    def change(self, **spec: Any) -> None:
        self.objects.patch("experiments", *KEY, {"spec": spec})

    def status(self) -> Any:
        return self.experiment().get("status") or {}

    def condition(self, kind: str) -> Any:
        return next((one for one in self.status().get("conditions", []) if one["type"] == kind), {})

    def is_finished(self) -> bool:
        """Returns whether the Experiment has ended, and its last report is written."""
        reports = self.objects.list("jobs")
        current = [
            one for one in reports if one["metadata"]["annotations"]["epochal.dev/known"] == str(len(self.events()))
        ]
        return self.condition("Finished").get("status") == "True" and bool(current or not self.status().get("best"))

    def events(self) -> tuple[Event, ...]:
        return decode(self.ledger())

    def ledger(self) -> str:
        """Returns the data of the ExperimentLedger, or an empty text if there is none."""
        found = self.objects.list("experimentledgers")
        return next((str(one["data"]) for one in found if one["metadata"]["name"] == KEY.name), "")

    def lose_ledger(self, data: str | None = None) -> None:
        """Deletes the ExperimentLedger, or replaces its data, and restarts the operator."""
        if data is None:
            self.objects.delete("experimentledgers", *KEY)
        else:
            self.objects.patch("experimentledgers", *KEY, {"data": data})
        self.restart_operator()

    def create_ledger(self, name: str, events: "Sequence[Event]") -> None:
        """Creates the ExperimentLedger of an Experiment with events."""
        uid = self.objects.get("experiments", KEY.namespace, name)["metadata"]["uid"]
        self.create_ledger_object(name, encode([Owner(uid), *events]), uid)

    def create_ledger_object(
        self, name: str, data: str, uid: str, owner: str | None = None, *, replace: bool = False
    ) -> None:
        """Creates an ExperimentLedger with an Experiment as its controller."""
        reference = {"apiVersion": "epochal.dev/v1alpha1", "kind": "Experiment", "name": owner or name, "uid": uid}
        metadata = {"name": name, "ownerReferences": [reference | {"controller": True}]}
        write = self.objects.replace if replace else self.objects.create
        write("experimentledgers", KEY.namespace, {"metadata": metadata, "data": data})

    def ledger_trials(self) -> list[Trial]:
        """Returns the trials in the ledger without uids, which differ between runs."""
        return [
            replace(one, uids=(), rungs=tuple(replace(rung, uid="") for rung in one.rungs))
            for one in apply_events(self.events())
        ]

    def dropped_trials(self) -> set[int]:
        return {one.trial for one in self.events() if isinstance(one, CheckpointsUnneeded)}

    def suggestions(self) -> list[Created]:
        return [one for one in self.events() if isinstance(one, Created)]

    def event_reasons(self) -> list[str]:
        return [one["reason"] for one in self.objects.list("events")]

    def time(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    async def _ask(self, request: Request) -> Response:
        self.requests.append(request)
        return self.search(request)


def refusing(verb: str, resource: str, refusal: Refusal) -> "Callable[[str, str, str], Refusal | None]":
    """Returns a function for `Cluster.refuse` that refuses the requests with a verb for a resource."""
    return lambda *request: refusal if request[:2] == (verb, resource) else None


def suggest(request: Request) -> Response:
    """Suggests the template first, then parameters that depend on all known trials."""
    known = json.dumps([one.model_dump(mode="json") for one in request.known_trials])
    made = []
    for number in request.numbers:
        if number < len(request.first_trials):
            parameters = dict(request.first_trials[number])
        else:
            digest = hashlib.sha256(f"{request.search.seed}/{number}/{known}".encode()).digest()
            parameters = {"rate": f"{0.001 * 100 ** (digest[0] / 255):.6g}"}
        made.append(Suggestion(trial=number, parameters=parameters))
    importance = {"rate": 1.0} if request.importance else {}
    return Response(suggestions=tuple(made), importance=importance)


def suggest_by_number(request: Request) -> Response:
    """Suggests parameters that do not depend on the known trials, as a random search does."""
    return suggest(request.model_copy(update={"known_trials": ()}))


def accuracy(optimizer: Any, epoch: int) -> float:
    """Returns the accuracy after an epoch: the highest at a learning rate of 0.01."""
    return 0.9 - abs(math.log10(float(optimizer["learning_rate"])) + 2) / 4 + epoch / 100
