"""Apply the actions of a plan to the Experiment for which the plan was made."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from epochal_operator.experiment.actions import Append, Ask, CreateReport, DeleteReport, EmitReportEvent, WriteTrials
from epochal_operator.experiment.blockers import Blockers, next_attempt
from epochal_operator.experiment.events import report_failed
from epochal_operator.experiment.ledger.events import Created, Exhausted
from epochal_operator.experiment.ledger.events import Event as Told
from epochal_operator.experiment.ledger.store import LedgerRefused, LedgerStore
from epochal_operator.experiment.observed import Importance, Observed, ParsedSpec
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report.job import report_job
from epochal_operator.experiment.report.plan import GIVEN_UP_ANNOTATION, given_up_text
from epochal_operator.experiment.search.build_request import request
from epochal_operator.experiment.search.request import Request, Response
from epochal_operator.experiment.search.searcher_pool import BatchSizes, SearchFailed, SearchTooSlow
from epochal_operator.experiment.trial_job import KNOWN_ANNOTATION
from epochal_operator.experiment.trial_writer import TrialWriter
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.errors import REFUSALS, NotFound
from epochal_operator.runtime.api.resource import JOBS, Key, Object, key_of
from epochal_operator.runtime.children import Children
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.runtime.writer import Writer

_log = logging.getLogger(__name__)

AskSearch = Callable[[Request], Awaitable[Response]]
"""Function that sends a request to the searcher and returns the response."""


@dataclass
class ExperimentAttempt(Blockers):
    """The errors of the earlier rounds of a reconcile, and what its current round plans for.

    Args:
        parsed: The parsed spec; None if the spec is invalid.
        observed: The observed state for which the actions were planned.
    """

    parsed: ParsedSpec | None = None
    observed: Observed | None = None


class Applier:
    """Applies the actions that only Experiments have.

    Args:
        writer: The writer of the kind.
        children: The children of Experiments, for corrections with backoff.
        installation: Returns the settings with which Epochal was installed.
        ask: Sends a request to the searcher.
        clock: Returns the current time, with a time zone.

    Attributes:
        trials: The writer of the trials' TrainingJobs.
        ledgers: The store of the Experiments' ledgers.
        importance: The latest parameter importances of each Experiment for which they were computed.
        batches: The number of trials of each Experiment that one request to the searcher may cover.
        report_told: The key of the latest Event of each Experiment about its report Job, which has failed or waits.
    """

    def __init__(
        self,
        writer: Writer,
        children: Children,
        installation: Callable[[], Installation],
        ask: AskSearch,
        clock: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self.trials = TrialWriter(writer, children, installation, clock)
        self.ledgers = LedgerStore(writer.kube)
        self._installation = installation
        self._ask_search = ask
        self._clock = clock
        self._failures: dict[Key, tuple[datetime, StatusCause]] = {}
        self.importance: dict[Key, Importance] = {}
        self.batches = BatchSizes()
        self.report_told: dict[Key, str] = {}

    async def apply(self, document: Object, action: Any, found: ExperimentAttempt) -> None:
        """Apply an action of a plan.

        Args:
            document: The Experiment for which the plan was made, as JSON.
            action: The action.
            found: The observed state of the Experiment; collects the errors that block it.

        Raises:
            ApiError: If a request to the API server fails.
        """
        wanted, observed = found.parsed, found.observed
        assert observed is not None  # noqa: S101 - no plan without it
        try:
            match action:
                case WriteTrials():
                    failed, error = await self.trials.write(document, action.trials, found)
                    if failed:
                        await self._append(document, observed, (*observed.news, *failed))
                    if error is not None:
                        raise error
                case Append():
                    await self._append(document, observed, action.events)
                case Ask() if wanted is not None:
                    await self._ask(document, wanted, observed, action)
                    found.yields = True  # The request may have taken long.
                case CreateReport() if wanted is not None:
                    await self._create_report(document, wanted, observed, action, found)
                case DeleteReport():
                    await self._delete_report(document, action.job, found)
                case EmitReportEvent():
                    await self._writer.emit(action.event, document)
                    self.report_told[key_of(document)] = action.event.key
        except LedgerRefused as refused:
            found.unnoted, found.hindered = True, StatusCause(Reason.LEDGER_REFUSED, str(refused))

    def forget(self, key: Key) -> None:
        """Forget the cached state of a deleted Experiment.

        Args:
            key: Namespace and name of the Experiment.
        """
        for known in (self.importance, self.report_told, self._failures):
            known.pop(key, None)
        self.batches.forget(key)
        self.trials.forget(key)
        self.ledgers.forget(key)

    async def _append(self, document: Object, observed: Observed, events: Sequence[Told]) -> None:
        """Append events to the ledger; raise Conflict if the ledger has changed since it was read.

        After a refusal, the searcher gets no request until the backoff ends, because its suggestions would be lost.
        """
        ledger, key = observed.ledger, key_of(document)
        try:
            await self.ledgers.append(document, ledger, events)
        except LedgerRefused as error:
            cause = StatusCause(Reason.LEDGER_REFUSED, str(error))
            self._failures[key] = (next_attempt(document, cause.reason, self._clock()), cause)
            raise

    async def _ask(self, document: Object, wanted: ParsedSpec, observed: Observed, action: Ask) -> None:
        """Ask the searcher for parameters, and append the new trials to the ledger before a TrainingJob is created."""
        key, known, begun = key_of(document), len(observed.ledger.events), self._clock()
        asked = action.importance is not None
        question = await asyncio.to_thread(
            request,
            wanted.spec,
            wanted.template,
            observed.ledger.events,
            action.trials,
            importance=asked,
            folded=observed.ledger.trials,
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
        if answer.exhausted and not observed.ledger.exhausted:
            events.append(Exhausted(known))
        if events:
            await self._append(document, observed, (*observed.news, *events))
        elif action.trials and not fewer:
            cause = StatusCause(Reason.SEARCH_FAILED, f"No new trial, by an error of Epochal's: {failure}.")
            self._failures[key] = (next_attempt(document, cause.reason, self._clock()), cause)

    def failure(self, key: Key) -> StatusCause | None:
        """Return the recent failure of an Experiment's searcher or ledger, or None if its backoff has passed.

        Args:
            key: Namespace and name of the Experiment.
        """
        until, cause = self._failures.get(key, (None, None))
        return cause if until is not None and self._clock() < until else None

    async def _create_report(
        self, document: Object, wanted: ParsedSpec, observed: Observed, action: CreateReport, found: Blockers
    ) -> None:
        """Create the Job that writes the report; an error blocks no trial."""
        given = {**document, "spec": wanted.given}
        body = await asyncio.to_thread(report_job, given, observed.ledger.events, wanted.spec, self._installation())
        told = {KNOWN_ANNOTATION: str(action.known), GIVEN_UP_ANNOTATION: given_up_text(observed.trials)}
        body["metadata"] = body["metadata"] | {"annotations": (body["metadata"].get("annotations") or {}) | told}
        try:
            made, _ = await self._writer.create(JOBS, body)
        except (*REFUSALS, NotFound) as error:
            await self._emit_unreported(document, body, error.message, found)
            return
        if controller_uid(made) != document["metadata"]["uid"]:
            await self._emit_unreported(document, body, "A Job of its name belongs to another owner.", found)
            return
        self._writer.put(JOBS, made)
        _log.info("created %s, which writes its report", body["metadata"]["name"])

    async def _delete_report(self, document: Object, job: Object, found: Blockers) -> None:
        """Delete the Job of the previous report, so that a new Job can replace it."""
        try:
            await self._writer.delete(JOBS, job)
        except REFUSALS as error:
            await self._emit_unreported(document, job, error.message, found)

    async def _emit_unreported(self, document: Object, body: Object, message: str, found: Blockers) -> None:
        """Emit an Event because the report Job cannot be created or replaced."""
        name, found.unreported = body["metadata"]["name"], True
        await self._writer.emit(report_failed(name, message, name), document)
