"""Do what a plan says, step by step, to the Experiment that it was made for and to no other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from epochal_api.experiment_status import ExperimentStatus

from epochal_operator.experiment.actions import Action, Append, Ask, Create, DeleteExperiment, Suspend, Unmade
from epochal_operator.experiment.batches import Batches
from epochal_operator.experiment.events import ledger_damaged, report_failed
from epochal_operator.experiment.hindrances import Hindrances
from epochal_operator.experiment.ledger import Created, Exhausted
from epochal_operator.experiment.ledger import Event as Told
from epochal_operator.experiment.ledger_store import LedgerRefused, LedgerStore
from epochal_operator.experiment.observed import Importance, Observed, Wanted
from epochal_operator.experiment.patience import look_again_at
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report import GIVEN_UP_ANNOTATION, CreateReport, DeleteReport, given_up_text
from epochal_operator.experiment.report_job import report_job
from epochal_operator.experiment.resources import EXPERIMENTS
from epochal_operator.experiment.search.child import SearchFailed, SearchTooSlow
from epochal_operator.experiment.search.known import request
from epochal_operator.experiment.search.request import Request, Response
from epochal_operator.experiment.trial_job import KNOWN_ANNOTATION
from epochal_operator.experiment.trial_writer import TrialWriter
from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.errors import ALREADY_EXISTS, REFUSALS, Conflict, NotFound
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.kube import LEADER_MANAGER
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.runtime.resource import JOBS, Key, Object, Resource, key_of
from epochal_operator.runtime.writer import Writer
from epochal_operator.trainingjob.pod_template import Installation

_log = logging.getLogger(__name__)

AskSearch = Callable[[Request], Awaitable[Response]]
"""Asks for suggestions."""


_OF_REPORTS = frozenset({Reason.REPORT_FAILED, Reason.REPORT_WAITING})


class Applier:
    """Does the steps of plans.

    Args:
        term: What it works with.
        installation: Returns what fills in where a spec says nothing.
        ask: Asks for suggestions.
        instance: Name of this process, for Events.
        clock: Returns the time, with a time zone.

    Attributes:
        trials: What writes their TrainingJobs.
        ledgers: What reads and writes their ledgers.
        importance: How much the parameters of each Experiment matter, as far as that was asked.
        batches: How many trials of each Experiment may be suggested at once.
        report_told: What Events have told last of the Job of each Experiment's report: that it has failed, or waits.
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
        self._writer = writer = Writer(term, EXPERIMENTS, instance, clock)
        self._kube = writer.kube
        self._store = writer.store
        self.trials = TrialWriter(writer, installation, clock)
        self.ledgers = LedgerStore(writer.kube)
        self._installation = installation
        self._ask_search = ask
        self._clock = clock
        self._failures: dict[Key, tuple[datetime, StatusCause]] = {}
        self.importance: dict[Key, Importance] = {}
        self.batches = Batches()
        self.report_told: dict[Key, str] = {}

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
        trials = [action for action in actions if isinstance(action, Create | Unmade | Suspend)]
        failed, error = await self.trials.write(document, trials, found)
        if failed:
            await self._append(document, observed, (*observed.news, *failed))
        if error is not None:
            raise error
        for action in actions:
            await self._do(document, wanted, observed, action, found)

    def forget(self, key: Key) -> None:
        """Forgets an Experiment that is gone.

        Args:
            key: Its namespace and name.
        """
        for known in (self.importance, self.report_told, self._failures):
            known.pop(key, None)
        self.batches.forget(key)
        self.trials.forget(key)
        self.ledgers.forget(key)

    async def refresh(self, key: Key) -> None:
        """Reads an Experiment and its ledger again, after a conflict.

        Args:
            key: Its namespace and name.
        """
        self.ledgers.forget(key)
        await self._writer.refresh(EXPERIMENTS, key, self._store.get(EXPERIMENTS, key))

    async def _do(
        self, document: Object, wanted: Wanted | None, observed: Observed, action: Action, found: Hindrances
    ) -> None:
        """Does a step that is not about a trial's TrainingJob."""
        match action:
            case Append():
                await self._append(document, observed, action.events)
            case Ask() if wanted is not None:
                await self._ask(document, wanted, observed, action)
            case CreateReport() if wanted is not None:
                await self._create_report(document, wanted, observed, action, found)
            case DeleteReport():
                await self._delete_report(document, action.job, found)
            case ApplyStatus():
                await self._apply_status(document, action)
            case EmitEvent():
                await self._writer.emit(action.event, document)
                if action.event.reason in _OF_REPORTS:
                    self.report_told[key_of(document)] = action.event.key
            case DeleteExperiment():
                await self._delete(EXPERIMENTS, document)
                _log.info("deleted: its ttlSecondsAfterFinished is over")
            case _:
                pass

    async def _append(self, document: Object, observed: Observed, events: Sequence[Told]) -> None:
        """Appends events to the ledger, unless it has changed since it was read: then it is read again (Conflict).

        After a refusal no suggestions are asked for until it may be tried again, since each would be lost.
        """
        ledger, key = observed.ledger, key_of(document)
        assert ledger is not None  # noqa: S101 - a plan appends only to a ledger that was read
        if observed.damaged:
            await self._writer.emit(ledger_damaged(len(observed.events), ledger.resource_version), document)
        try:
            await self.ledgers.append(document, ledger, events)
        except LedgerRefused as error:
            cause = StatusCause(Reason.LEDGER_REFUSED, str(error))
            self._failures[key] = (look_again_at(document, cause.reason, self._clock()), cause)
            raise

    async def _ask(self, document: Object, wanted: Wanted, observed: Observed, action: Ask) -> None:
        """Has parameters suggested, and adds the trials to the ledger before any of them is made."""
        key, known, begun = key_of(document), len(observed.events), self._clock()
        asked = action.importance is not None
        question = await asyncio.to_thread(
            request,
            wanted.spec,
            wanted.template,
            observed.events,
            action.trials,
            importance=asked,
            folded=observed.noted,
        )
        answer, failure, fewer = Response(), "the search has suggested nothing", False
        try:
            answer = await self._ask_search(question)
            self.batches.answered(key, len(action.trials), (self._clock() - begun).total_seconds())
        except SearchFailed as error:
            failure = str(error)
            fewer = isinstance(error, SearchTooSlow) and self.batches.too_slow(key, len(action.trials))
            _log.warning("nothing is suggested: %s", failure)
        if action.importance is not None:
            self.importance[key] = Importance(action.importance, dict(answer.importance))
        events: list[Told] = [Created(one.trial, dict(one.parameters), known) for one in answer.suggestions]
        if answer.exhausted and not observed.exhausted:
            events.append(Exhausted(known))
        if events:
            await self._append(document, observed, (*observed.news, *events))
        elif action.trials and not fewer:
            cause = StatusCause(Reason.SEARCH_FAILED, f"No new trial, by an error of Epochal's: {failure}.")
            self._failures[key] = (look_again_at(document, cause.reason, self._clock()), cause)

    def failure(self, key: Key) -> StatusCause | None:
        """Returns that an Experiment's search has failed just now, if it has.

        Args:
            key: Its namespace and name.
        """
        until, cause = self._failures.get(key, (None, None))
        return cause if until is not None and self._clock() < until else None

    async def _create_report(
        self, document: Object, wanted: Wanted, observed: Observed, action: CreateReport, found: Hindrances
    ) -> None:
        """Creates the Job that writes the report; what is in the way of it holds no trial up."""
        given = {**document, "spec": wanted.given}
        body = await asyncio.to_thread(report_job, given, observed.events, wanted.spec, self._installation())
        told = {KNOWN_ANNOTATION: str(action.known), GIVEN_UP_ANNOTATION: given_up_text(observed.trials)}
        body["metadata"] = body["metadata"] | {"annotations": (body["metadata"].get("annotations") or {}) | told}
        try:
            made = await self._kube.create(JOBS, body, manager=LEADER_MANAGER)
        except Conflict as error:
            if error.reason != ALREADY_EXISTS:
                raise
            made = await self._kube.get(JOBS, body["metadata"]["namespace"], body["metadata"]["name"])
            if controller_uid(made) != document["metadata"]["uid"]:
                await self._emit_unreported(document, body, "A Job of its name is another one's.")
                found.unreported = True
                return
        except (*REFUSALS, NotFound) as error:
            await self._emit_unreported(document, body, error.message)
            found.unreported = True
            return
        self._writer.put(JOBS, made)
        _log.info("created %s, which writes its report", body["metadata"]["name"])

    async def _delete_report(self, document: Object, job: Object, found: Hindrances) -> None:
        """Deletes the Job of the report before, in whose place another one comes."""
        try:
            await self._delete(JOBS, job)
        except REFUSALS as error:
            await self._emit_unreported(document, job, error.message)
            found.unreported = True

    async def _emit_unreported(self, document: Object, body: Object, message: str) -> None:
        """Tells that the Job that writes the report cannot be made, or made anew."""
        name = body["metadata"]["name"]
        await self._writer.emit(report_failed(name, message, name), document)

    async def _apply_status(self, document: Object, action: ApplyStatus[ExperimentStatus]) -> None:
        await self._writer.apply_status(document, action.status.dump())
        if action.status.state != (document.get("status") or {}).get("state"):
            _log.info("is %s", action.status.state)

    async def _delete(self, resource: Resource, thing: Object) -> None:
        await self._writer.delete(resource, thing)
        self._writer.remove(resource, thing)
