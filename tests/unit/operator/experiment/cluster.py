"""A cluster in virtual time: objects, an operator that may be killed after any write, and trainers."""

import hashlib
import json
import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from epochal_operator.experiment.kind import experiments
from epochal_operator.experiment.ledger.encoding import decode, encode
from epochal_operator.experiment.ledger.events import Created, Dropped, Event, Owner
from epochal_operator.experiment.ledger.trials import fold
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
SOON = 5.0
"""Seconds that a reconcile may be waited for, in virtual time, without the trainers going on."""


class Cluster:
    """An Experiment, its operator and the trainers of its trials.

    Args:
        changes: Fields of the Experiment's spec, and the template's epochs.

    Attributes:
        now: The time.
        objects: All objects.
        trains: Whether the trainers go on.
        ends: How a trial ends in place of being complete, by its number: the reason of its failure.
        refuse: Returns how a write is refused, if it is.
        asked: What the search was asked.
    """

    def __init__(self, **changes: Any) -> None:
        self.now: datetime = NOW
        self.objects = Objects("vision", clock=lambda: self.now)
        self.ends: dict[int, str] = {}
        self.refuse: Callable[[str, str, str], Refusal | None] = lambda *_: None
        self.asked: list[Request] = []
        self.search: Callable[[Request], Response] = suggest
        self.deaths = 0
        self.objects.create(
            "experiments", KEY.namespace, {"metadata": {"name": KEY.name}, "spec": spec_document(**changes)}
        )
        self.boot()

    def boot(self) -> None:
        """Starts the operator, which knows nothing."""
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

    def tell(self) -> None:
        """Tells the operator of all objects, as lists do."""
        for source in watched_sources(self.kinds):
            if source.resource.plural not in self.objects.resources:
                continue
            things = [one for one in self.objects.list(source.resource.plural) if source.selects(one)]
            for thing in things:
                self.store.put(source.resource, thing)
            uids = {one["metadata"]["uid"] for one in things}
            self.store.prune_missing(source, uids, str(self.objects.version), None)

    async def reconcile(self) -> float | None:
        """Reconciles, and again where that is to be at once; returns the seconds until then otherwise."""
        after: float | None = 0
        while after == 0:
            self.tell()
            after = await self.reconciler.reconcile(KEY)
        return after

    async def settle(self, *, dies_after: int | None = None) -> float | None:
        """Reconciles until there is nothing to be done soon; an operator that is killed is started anew.

        Args:
            dies_after: After how many writes each operator is killed that there is.

        Returns:
            Seconds after which there is something to be done.
        """
        for _ in range(500):
            if dies_after is not None and self.kube.dies_after is None:
                self.kube.dies_after = dies_after
            try:
                after = await self.reconcile()
            except Killed:
                self.deaths += 1
                self.boot()
                continue
            if after is None or after > SOON:
                return after
            self.now += timedelta(seconds=after)
        raise AssertionError("it does not settle")

    async def run(self, *, dies_after: int | None = None, once: int | None = None) -> None:
        """Lives until the Experiment has ended and its report is written.

        Args:
            dies_after: After how many writes each operator is killed that there is.
            once: After how many writes the first operator is killed.
        """
        self.kube.dies_after = once
        for _ in range(200):
            after = await self.settle(dies_after=dies_after)
            if not self.work() and self.is_over() and (after is None or after > SOON):
                return
            self.now += timedelta(seconds=60)
        raise AssertionError(f"it does not end: {self.status()}")

    def work(self) -> bool:
        """Has each trainer begin, or end, its rung, and the report written; returns whether anybody did anything."""
        busy = False
        for job in self.trials():
            status = job.get("status") or {}
            if status.get("state") in {"Complete", "Failed"}:
                continue
            state = "Suspended" if job["spec"].get("suspend") else "Running"
            if status.get("state") == "Running" and state == "Running":
                self.end(job)
            elif status.get("state") == state:
                continue
            else:
                self.tell_of(job, {"state": state, "startTime": self.time()})
            busy = True
        for job in self.objects.list("jobs"):
            if not job.get("status"):
                done = {"conditions": [{"type": "Complete", "status": "True"}]}
                self.objects.patch(
                    "jobs", KEY.namespace, job["metadata"]["name"], {"status": done}, subresource="status"
                )
                busy = True
        return busy

    def end(self, job: Any) -> None:
        """Ends the rung of a trial."""
        training, number = job["spec"]["training"], int(job["metadata"]["labels"]["epochal.dev/trial"])
        if reason := self.ends.get(number):
            condition = {"type": "Failed", "status": "True", "reason": reason}
            self.tell_of(job, {"state": "Failed", "conditions": [condition], "completionTime": self.time()})
            return
        epoch = training.get("stopAfterEpoch", training["epochs"])
        reason = "StoppedAfterEpoch" if epoch < training["epochs"] else "Completed"
        value = f"{worth(training['optimizer'], epoch):.6g}"
        self.tell_of(
            job,
            {
                "state": "Complete",
                "conditions": [{"type": "Complete", "status": "True", "reason": reason}],
                "completionTime": self.time(),
                "progress": {"epoch": epoch, "epochs": training["epochs"]},
                "best": {"epoch": epoch, "metric": "val_accuracy", "value": value},
            },
        )

    def tell_of(self, job: Any, status: Any) -> None:
        """Writes fields of a trial's status."""
        self.objects.patch(
            "trainingjobs", KEY.namespace, job["metadata"]["name"], {"status": status}, subresource="status"
        )

    def trials(self) -> list[Any]:
        """Returns the TrainingJobs."""
        return self.objects.list("trainingjobs")

    def names(self, *states: str) -> list[str]:
        """Returns the names of the TrainingJobs, or of those in some states."""
        found = self.trials()
        return [
            one["metadata"]["name"]
            for one in found
            if not states or (one.get("status") or {}).get("state", "Queued") in states
        ]

    def experiment(self) -> Any:
        """Returns the Experiment."""
        return self.objects.get("experiments", *KEY)

    def change(self, **spec: Any) -> None:
        """Changes the Experiment's spec."""
        self.objects.patch("experiments", *KEY, {"spec": spec})

    def status(self) -> Any:
        """Returns the Experiment's status."""
        return self.experiment().get("status") or {}

    def condition(self, kind: str) -> Any:
        """Returns a condition of the Experiment."""
        return next((one for one in self.status().get("conditions", []) if one["type"] == kind), {})

    def is_over(self) -> bool:
        """Returns whether the Experiment has ended, and its last report is written."""
        reports = self.objects.list("jobs")
        current = [
            one for one in reports if one["metadata"]["annotations"]["epochal.dev/known"] == str(len(self.events()))
        ]
        return self.condition("Finished").get("status") == "True" and bool(current or not self.status().get("best"))

    def events(self) -> tuple[Event, ...]:
        """Returns the ledger."""
        return decode(self.ledger())

    def ledger(self) -> str:
        """Returns the data of the ExperimentLedger, or an empty text if there is none."""
        found = self.objects.list("experimentledgers")
        return next((str(one["data"]) for one in found if one["metadata"]["name"] == KEY.name), "")

    def lose_ledger(self, data: str | None = None) -> None:
        """Deletes the ExperimentLedger, or replaces its data; the operator learns of it when it is started next."""
        if data is None:
            self.objects.delete("experimentledgers", *KEY)
        else:
            self.objects.patch("experimentledgers", *KEY, {"data": data})
        self.boot()

    def note(self, name: str, events: "Sequence[Event]") -> None:
        """Creates the ExperimentLedger of an Experiment, whose own these events are."""
        uid = self.objects.get("experiments", KEY.namespace, name)["metadata"]["uid"]
        self.note_text(name, encode([Owner(uid), *events]), uid)

    def note_text(self, name: str, data: str, uid: str, owner: str | None = None, *, replace: bool = False) -> None:
        """Creates an ExperimentLedger with an Experiment as its controller."""
        reference = {"apiVersion": "epochal.dev/v1alpha1", "kind": "Experiment", "name": owner or name, "uid": uid}
        metadata = {"name": name, "ownerReferences": [reference | {"controller": True}]}
        write = self.objects.replace if replace else self.objects.create
        write("experimentledgers", KEY.namespace, {"metadata": metadata, "data": data})

    def folded(self) -> list[Trial]:
        """Returns the trials that the ledger tells of, without what differs from run to run: uids."""
        return [
            replace(one, uids=(), rungs=tuple(replace(rung, uid="") for rung in one.rungs))
            for one in fold(self.events())
        ]

    def given_up(self) -> set[int]:
        """Returns the trials whose checkpoints are given up."""
        return {one.trial for one in self.events() if isinstance(one, Dropped)}

    def suggestions(self) -> list[Created]:
        """Returns what was suggested, and what was known then."""
        return [one for one in self.events() if isinstance(one, Created)]

    def told(self) -> list[str]:
        """Returns the reasons of all Events about the Experiment."""
        return [one["reason"] for one in self.objects.list("events")]

    def time(self) -> str:
        """Returns the time as objects have it."""
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    async def _ask(self, request: Request) -> Response:
        self.asked.append(request)
        return self.search(request)


def suggest(request: Request) -> Response:
    """Suggests, as a search does: the template first, then what follows from all that is known."""
    known = json.dumps([one.model_dump(mode="json") for one in request.known])
    made = []
    for number in request.trials:
        if number < len(request.first):
            parameters = dict(request.first[number])
        else:
            digest = hashlib.sha256(f"{request.search.seed}/{number}/{known}".encode()).digest()
            parameters = {"rate": f"{0.001 * 100 ** (digest[0] / 255):.6g}"}
        made.append(Suggestion(trial=number, parameters=parameters))
    importance = {"rate": 1.0} if request.importance else {}
    return Response(suggestions=tuple(made), importance=importance)


def suggest_by_number(request: Request) -> Response:
    """Suggests what does not depend on what is known, as a random search does."""
    return suggest(request.model_copy(update={"known": ()}))


def worth(optimizer: Any, epoch: int) -> float:
    """Returns what a training has reached: best at a learning rate of 0.01."""
    return 0.9 - abs(math.log10(float(optimizer["learning_rate"])) + 2) / 4 + epoch / 100
