"""Do what a plan says, step by step, to the Experiment that it was made for and to no other."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from epochal_operator.experiment.events import rejected, report_failed
from epochal_operator.experiment.ledger import Created, Exhausted, Failed, encode
from epochal_operator.experiment.ledger import Event as Told
from epochal_operator.experiment.observed import Importance, Observed, Place, Wanted
from epochal_operator.experiment.plan import (
    Action,
    Append,
    ApplyStatus,
    Ask,
    Create,
    DeleteExperiment,
    EmitEvent,
    Suspend,
)
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report import CreateReport, DeleteReport
from epochal_operator.experiment.report_job import report_job
from epochal_operator.experiment.resources import EXPERIMENTS, LEDGER_ANNOTATION
from epochal_operator.experiment.search.child import SearchFailed
from epochal_operator.experiment.search.known import request
from epochal_operator.experiment.search.request import Request, Response
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL, KNOWN_ANNOTATION
from epochal_operator.runtime.errors import ALREADY_EXISTS, Conflict, Forbidden, Invalid, NotFound
from epochal_operator.runtime.events import Event, event_object
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.kube import LEADER_MANAGER
from epochal_operator.runtime.owners import controller, controller_uid
from epochal_operator.runtime.resource import JOBS, Key, Object, Resource
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.resources import TRAINING_JOBS

REJECTED = "Rejected"
"""Why a trial has failed that the API server does not take."""
AT_ONCE = 8
"""TrainingJobs of an Experiment that are written at once."""

_log = logging.getLogger(__name__)

AskSearch = Callable[[Request], Any]
"""Asks for suggestions."""


@dataclass
class Hindrances:
    """What has come in the way in the course of one reconcile: the next one tries again.

    Args:
        blocked: What is in the way of TrainingJobs.
        hindered: What is in the way of all new ones.
        unreported: Whether the Job that writes the report cannot be made now.
    """

    blocked: dict[Place, StatusCause] = field(default_factory=dict)
    hindered: StatusCause | None = None
    unreported: bool = False


class Applier:
    """Does the steps of plans.

    Args:
        term: What it works with.
        installation: Returns what fills in where a spec says nothing.
        ask: Asks for suggestions.
        instance: Name of this process, for Events.
        clock: Returns the time, with a time zone.

    Attributes:
        importance: How much the parameters of each Experiment matter, as far as that was asked.
    """

    def __init__(
        self,
        term: Term,
        installation: Callable[[], Installation],
        ask: AskSearch,
        *,
        instance: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._term = term
        self._kube = term.kube.once()
        self._store = term.store
        self._installation = installation
        self._ask_search = ask
        self._asking = asyncio.Semaphore(1)  # each takes as much memory as the operator itself
        self._instance = instance
        self._clock = clock
        self.importance: dict[Key, Importance] = {}

    async def apply(
        self, document: Object, wanted: Wanted | None, observed: Observed, actions: Sequence[Action], found: Hindrances
    ) -> None:
        """Does the steps of a plan.

        Args:
            document: The Experiment that it was made for, as JSON.
            wanted: What its spec asks for; None if that cannot be read.
            observed: What was seen.
            actions: The steps.
            found: Takes what comes in the way.

        Raises:
            ApiError: If the API server does not do its part.
        """
        await self._write_trials(document, observed, actions, found)
        for action in actions:
            await self._do(document, wanted, observed, action, found)

    async def refresh(self, key: Key) -> None:
        """Reads an Experiment anew: the API server knows of a change that has not been told yet.

        Args:
            key: Its namespace and name.
        """
        try:
            self._put(EXPERIMENTS, await self._kube.get(EXPERIMENTS, *key))
        except NotFound:
            if (known := self._store.get(EXPERIMENTS, key)) is not None:
                self._term.wrote(self._store.remove(EXPERIMENTS, known))

    async def _do(
        self, document: Object, wanted: Wanted | None, observed: Observed, action: Action, found: Hindrances
    ) -> None:
        """Does a step that is not about a trial's TrainingJob."""
        match action:
            case Append():
                await self._append(document, observed, action.events)
            case Ask() if wanted is not None:
                await self._ask(document, wanted, observed, action, found)
            case CreateReport() if wanted is not None:
                await self._create_report(document, wanted, action, found)
            case DeleteReport():
                await self._delete(JOBS, action.job)
            case ApplyStatus():
                await self._apply_status(document, action)
            case EmitEvent():
                await self._emit(action.event, document)
            case DeleteExperiment():
                await self._delete(EXPERIMENTS, document)
                _log.info("deleted: its ttlSecondsAfterFinished is over")
            case _:
                pass

    async def _write_trials(
        self, document: Object, observed: Observed, actions: Sequence[Action], found: Hindrances
    ) -> None:
        """Creates and suspends TrainingJobs, some at a time; what the API server never takes has failed."""
        trials = [action for action in actions if isinstance(action, Create | Suspend)]
        if any(isinstance(action, Create) for action in trials):
            await self._check_current(document)
        slots = asyncio.Semaphore(AT_ONCE)

        async def write(action: Create | Suspend) -> Failed | None:
            async with slots:
                return await self._write_trial(document, action, found)

        results = await asyncio.gather(*map(write, trials), return_exceptions=True)
        if events := tuple(result for result in results if isinstance(result, Failed)):
            await self._append(document, observed, (*observed.news, *events))
        for result in results:  # once all has ended: nothing is cut off in the middle
            if isinstance(result, BaseException):
                raise result

    async def _check_current(self, document: Object) -> None:
        """Raises Conflict if an Experiment has changed: a watch may be late, and what was decided is decided anew."""
        metadata = document["metadata"]
        now = await self._kube.get(EXPERIMENTS, metadata["namespace"], metadata["name"])
        if _identity(now["metadata"]) != _identity(metadata):
            raise Conflict(409, "Conflict", "the Experiment is another one by now")

    async def _append(self, document: Object, observed: Observed, events: Sequence[Told]) -> None:
        """Adds to the ledger, unless anything has changed since it was read: then it is observed, or asked, anew."""
        metadata = document["metadata"]
        text = await asyncio.to_thread(encode, (*observed.events, *events))
        given = {"annotations": {LEDGER_ANNOTATION: text}, "resourceVersion": metadata["resourceVersion"]}
        key = (metadata["namespace"], metadata["name"])
        written = await self._kube.patch(
            EXPERIMENTS, *key, {"metadata": given}, uid=metadata["uid"], manager=LEADER_MANAGER
        )
        self._put(EXPERIMENTS, written)

    async def _ask(self, document: Object, wanted: Wanted, observed: Observed, action: Ask, found: Hindrances) -> None:
        """Has parameters suggested, and adds the trials to the ledger before any of them is made."""
        metadata, known = document["metadata"], len(observed.events)
        question = request(wanted.spec, wanted.template, observed.events, action.trials, importance=action.importance)
        try:
            async with self._asking:
                answer: Response = await self._ask_search(question)
        except SearchFailed as error:
            _log.warning("nothing is suggested: %s", error)
            if action.trials:
                found.hindered = StatusCause(
                    Reason.SEARCH_FAILED, f"Nothing is suggested, an error of Epochal: {error}"
                )
            answer = Response()
            if action.trials:
                return
        if action.importance:
            shares = dict(answer.importance)
            self.importance[Key(metadata["namespace"], metadata["name"])] = Importance(known, shares)
        events: list[Told] = [Created(one.trial, dict(one.parameters), known) for one in answer.suggestions]
        if answer.exhausted and not observed.exhausted:
            events.append(Exhausted(known))
        if events:
            await self._append(document, observed, (*observed.news, *events))
        elif action.trials and not answer.exhausted:
            found.hindered = StatusCause(Reason.SEARCH_FAILED, "Nothing is suggested, an error of Epochal.")

    async def _write_trial(self, document: Object, action: Create | Suspend, found: Hindrances) -> Failed | None:
        """Creates or suspends a TrainingJob; returns that it has failed if the API server will never take it."""
        if isinstance(action, Suspend):
            await self._suspend(action, found)
            return None
        body = action.body
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        try:
            made = await self._kube.create(TRAINING_JOBS, dict(body), manager=LEADER_MANAGER)
            _log.info("created %s", name)
        except Invalid as error:
            await self._emit(rejected(name, error.message), document)
            return Failed(*action.place, "", REJECTED)
        except (Forbidden, NotFound) as error:
            found.hindered = StatusCause(Reason.TRIALS_REFUSED, f"The API server refuses {name}: {error.message}")
            return None
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:
                found.blocked[action.place] = StatusCause(
                    Reason.TRIALS_REFUSED, f"The API server refuses {name}: {error.message}"
                )
                return None
            made = await self._kube.get(TRAINING_JOBS, namespace, name)
            if controller_uid(made) != document["metadata"]["uid"]:
                found.blocked[action.place] = _taken(made, document)
                return None
        labels = body["metadata"]["labels"]
        if (made["metadata"].get("labels") or {}).get(EXPERIMENT_LABEL) != labels[EXPERIMENT_LABEL]:
            made = await self._patch(TRAINING_JOBS, made, {"metadata": {"labels": labels}})
        self._put(TRAINING_JOBS, made)
        return None

    async def _suspend(self, action: Suspend, found: Hindrances) -> None:
        job, word = action.job["metadata"], "suspend" if action.suspend else "resume"
        try:
            made = await self._patch(TRAINING_JOBS, action.job, {"spec": {"suspend": action.suspend}})
        except NotFound:
            self._term.wrote(self._store.remove(TRAINING_JOBS, action.job))
            return
        except (Invalid, Forbidden) as error:
            message = f"The API server refuses to {word} {job['name']}: {error.message}"
            found.blocked[action.place] = StatusCause(Reason.TRIALS_REFUSED, message)
            return
        self._put(TRAINING_JOBS, made)

    async def _create_report(self, document: Object, wanted: Wanted, action: CreateReport, found: Hindrances) -> None:
        """Creates the Job that writes the report; what is in the way of it holds no trial up."""
        text = document["metadata"]["annotations"][LEDGER_ANNOTATION]
        body: dict[str, Any] = dict(
            report_job({**document, "spec": wanted.given}, text, wanted.spec, self._installation())
        )
        annotations = (body["metadata"].get("annotations") or {}) | {KNOWN_ANNOTATION: str(action.known)}
        body["metadata"] = body["metadata"] | {"annotations": annotations}
        try:
            made = await self._kube.create(JOBS, body, manager=LEADER_MANAGER)
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:
                raise
            made = await self._kube.get(JOBS, body["metadata"]["namespace"], body["metadata"]["name"])
            if controller_uid(made) != document["metadata"]["uid"]:
                await self._emit(
                    report_failed(body["metadata"]["name"], "A Job of its name is another one's."), document
                )
                found.unreported = True
                return
        except (Invalid, Forbidden, NotFound) as error:
            await self._emit(report_failed(body["metadata"]["name"], error.message), document)
            found.unreported = True
            return
        self._put(JOBS, made)
        _log.info("created %s, which writes its report", body["metadata"]["name"])

    async def _apply_status(self, document: Object, action: ApplyStatus) -> None:
        metadata = document["metadata"]
        before = (document.get("status") or {}).get("state")
        written = await self._kube.apply_status(
            EXPERIMENTS,
            metadata["namespace"],
            metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            manager=LEADER_MANAGER,
            status=action.status.dump(),
        )
        self._put(EXPERIMENTS, written)
        if action.status.state != before:
            _log.info("is %s", action.status.state)

    async def _emit(self, event: Event, document: Object) -> None:
        told = event_object(event, EXPERIMENTS, document["metadata"], instance=self._instance, now=self._clock())
        await self._term.recorder.tell(told)

    async def _delete(self, resource: Resource, thing: Object) -> None:
        metadata = thing["metadata"]
        seen = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
        await self._kube.delete(resource, metadata["namespace"], metadata["name"], **seen)
        self._term.wrote(self._store.remove(resource, thing))

    async def _patch(self, resource: Resource, thing: Object, patch: Mapping[str, Any]) -> dict[str, Any]:
        metadata = thing["metadata"]
        return await self._kube.patch(
            resource, metadata["namespace"], metadata["name"], dict(patch), uid=metadata["uid"], manager=LEADER_MANAGER
        )

    def _put(self, resource: Resource, thing: Object) -> None:
        self._term.wrote(self._store.put(resource, thing))


def _taken(thing: Object, document: Object) -> StatusCause:
    """Returns why the name of a trial's TrainingJob cannot be had."""
    name, metadata = thing["metadata"]["name"], document["metadata"]
    owner = controller(thing, group=EXPERIMENTS.group, kind=EXPERIMENTS.kind)
    if owner is not None and owner.name == metadata["name"]:
        message = f"The TrainingJob {name} of an earlier Experiment of this name is being deleted."
        return StatusCause(Reason.CLEANUP, message)
    message = f"The TrainingJob {name} is somebody else's: delete it, or create an Experiment of another name."
    return StatusCause(Reason.NAME_CONFLICT, message)


def _identity(metadata: Object) -> tuple[Any, ...]:
    """Returns what a plan depends on of an Experiment's metadata."""
    fields = ("uid", "generation", "deletionTimestamp")
    ledger = (metadata.get("annotations") or {}).get(LEDGER_ANNOTATION)
    return (*(metadata.get(name) for name in fields), ledger)
