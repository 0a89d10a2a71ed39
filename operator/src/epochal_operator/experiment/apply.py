"""Apply the actions of a plan to the Experiment for which the plan was made."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from epochal_operator.experiment.actions import (
    AppendEvents,
    AskSearcher,
    CreateReport,
    DeleteReport,
    EmitReportEvent,
    WriteTrials,
)
from epochal_operator.experiment.blockers import Blockers, next_retry
from epochal_operator.experiment.events import importance_unavailable, report_failed
from epochal_operator.experiment.ledger.events import Created, NoUntriedParameters
from epochal_operator.experiment.ledger.events import Event as LedgerEvent
from epochal_operator.experiment.ledger.store import LedgerRefused, LedgerStore
from epochal_operator.experiment.observed import Importance, Observed, ParsedSpec
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report.job import report_job
from epochal_operator.experiment.report.plan import UNNEEDED_CHECKPOINTS_ANNOTATION, format_dropped
from epochal_operator.experiment.search.build_request import build_request
from epochal_operator.experiment.search.request import Request, Response
from epochal_operator.experiment.search.searcher_pool import BatchSizes, SearchFailed, SearchTooSlow
from epochal_operator.experiment.trial_job import LEDGER_LENGTH_ANNOTATION
from epochal_operator.experiment.trial_writer import TrialWriter
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.errors import REJECTIONS, NotFound
from epochal_operator.runtime.api.resource import JOBS, Key, Object, key_of
from epochal_operator.runtime.children import Children
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.runtime.writer import Writer

_log = logging.getLogger(__name__)

SendRequest = Callable[[Request], Awaitable[Response]]
"""Function that sends a request to the searcher and returns the response."""


@dataclass
class ExperimentReconcileState(Blockers):
    """The errors in one reconcile of an Experiment, and the inputs of its current plan.

    Args:
        parsed: The parsed spec; None if the spec is invalid.
        observed: The observed state for which the actions were planned.
    """

    parsed: ParsedSpec | None = None
    observed: Observed | None = None


class Applier:
    """Applies the actions in plans for Experiments that other kinds do not have.

    Attributes:
        trials: The writer of the trials' TrainingJobs.
        ledgers: The store of the Experiments' ledgers.
        importance: The latest parameter importances of each Experiment.
        batch_sizes: The maximum number of trials in one request to the searcher, for each Experiment.
        report_event_keys: The key of the latest Event about the report Job of each Experiment.
    """

    def __init__(
        self,
        writer: Writer,
        children: Children,
        installation: Callable[[], Installation],
        ask: SendRequest,
        clock: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self.trials = TrialWriter(writer, children, installation, clock)
        self.ledgers = LedgerStore(writer.kube)
        self._installation = installation
        self._send_request = ask
        self._clock = clock
        self._failures: dict[Key, tuple[datetime, StatusCause]] = {}
        self.importance: dict[Key, Importance] = {}
        self.batch_sizes = BatchSizes()
        self.report_event_keys: dict[Key, str] = {}

    async def apply(self, document: Object, action: Any, state: ExperimentReconcileState) -> None:
        """Apply an action of a plan.

        Raises:
            ApiError: If a request to the API server fails.
        """
        parsed, observed = state.parsed, state.observed
        assert observed is not None  # noqa: S101 - no plan without it
        try:
            match action:
                case WriteTrials():
                    failed, error = await self.trials.write(document, action.trials, state)
                    if failed:
                        await self._append(document, observed, (*observed.new_events, *failed))
                    if error is not None:
                        raise error
                case AppendEvents():
                    await self._append(document, observed, action.events)
                case AskSearcher() if parsed is not None:
                    await self._ask(document, parsed, observed, action)
                    state.yields = True  # The request may have taken long.
                case CreateReport() if parsed is not None:
                    await self._create_report(document, parsed, observed, action, state)
                case DeleteReport():
                    await self._delete_report(document, action.job, state)
                case EmitReportEvent():
                    await self._writer.emit(action.event, document)
                    self.report_event_keys[key_of(document)] = action.event.key
        except LedgerRefused as error:
            state.ledger_refused, state.blocker = True, StatusCause(Reason.LEDGER_REFUSED, str(error))

    def forget(self, key: Key) -> None:
        """Forget the cached state of a deleted Experiment."""
        for cache in (self.importance, self.report_event_keys, self._failures):
            cache.pop(key, None)
        self.batch_sizes.forget(key)
        self.trials.forget(key)
        self.ledgers.forget(key)

    async def _append(self, document: Object, observed: Observed, events: Sequence[LedgerEvent]) -> None:
        """Append events to the ledger; raise Conflict if the ledger has changed since it was read.

        If the ledger is full or the API server refuses it, a backoff starts. During the backoff, no plan appends events
        or sends a request to the searcher, because the suggestions could not be stored.
        """
        ledger, key = observed.ledger, key_of(document)
        try:
            await self.ledgers.append(document, ledger, events)
        except LedgerRefused as error:
            cause = StatusCause(Reason.LEDGER_REFUSED, str(error))
            self._failures[key] = (next_retry(document, cause.reason, self._clock()), cause)
            raise

    async def _ask(self, document: Object, parsed: ParsedSpec, observed: Observed, action: AskSearcher) -> None:
        """Request suggestions or importances from the searcher, and append the suggested trials to the ledger.

        A later plan creates their TrainingJobs. If the searcher suggests no trial, a backoff starts, unless the search
        is exhausted or a smaller request follows.
        """
        key, ledger, start = key_of(document), observed.ledger, self._clock()
        request = await asyncio.to_thread(
            build_request,
            parsed.spec,
            parsed.template,
            ledger.events,
            action.trials,
            importance=action.importance is not None,
            trials=ledger.trials,
        )
        response, failure, retries_smaller = Response(), "the searcher has returned no suggestion", False
        try:
            response = await self._send_request(request)
            self.batch_sizes.record_response(key, len(action.trials), (self._clock() - start).total_seconds())
        except SearchFailed as error:
            failure, count = str(error), len(action.trials)
            retries_smaller = isinstance(error, SearchTooSlow) and self.batch_sizes.record_timeout(key, count)
            _log.warning("the request to the searcher failed: %s", failure)
            if action.importance is not None:
                await self._writer.emit(importance_unavailable(failure), document)
        if action.importance is not None:
            self.importance[key] = Importance(action.importance, dict(response.importance))
        events: list[LedgerEvent] = [
            Created(suggestion.trial, dict(suggestion.parameters), len(ledger.events))
            for suggestion in response.suggestions
        ]
        if response.exhausted and not ledger.is_exhausted:
            events.append(NoUntriedParameters(len(ledger.events)))
        if events:
            await self._append(document, observed, (*observed.new_events, *events))
        elif action.trials and not retries_smaller:
            message = f"The searcher suggests no parameters for a new trial: {failure}."
            cause = StatusCause(Reason.SEARCH_FAILED, message)
            self._failures[key] = (next_retry(document, cause.reason, self._clock()), cause)

    def failure(self, key: Key) -> StatusCause | None:
        """Return the cause of an Experiment's last failed search request or ledger write; None after the backoff."""
        until, cause = self._failures.get(key, (None, None))
        return cause if until is not None and self._clock() < until else None

    async def _create_report(
        self, document: Object, parsed: ParsedSpec, observed: Observed, action: CreateReport, state: Blockers
    ) -> None:
        """Create the Job that writes the report; a refusal by the API server causes an Event and blocks no trial."""
        experiment, installation = {**document, "spec": parsed.raw}, self._installation()
        body = await asyncio.to_thread(report_job, experiment, observed.ledger.events, parsed.spec, installation)
        annotations = {
            LEDGER_LENGTH_ANNOTATION: str(action.known_events),
            UNNEEDED_CHECKPOINTS_ANNOTATION: format_dropped(observed.trials),
        }
        body["metadata"]["annotations"] = annotations
        try:
            created, _ = await self._writer.create(JOBS, body)
        except (*REJECTIONS, NotFound) as error:
            await self._emit_report_failed(document, body, error.message, state)
            return
        if controller_uid(created) != document["metadata"]["uid"]:
            message = "This Experiment does not own the existing Job of this name: delete that Job."
            await self._emit_report_failed(document, body, message, state)
            return
        self._writer.put(JOBS, created)
        _log.info("created the report Job %s", body["metadata"]["name"])

    async def _delete_report(self, document: Object, job: Object, state: Blockers) -> None:
        """Delete the Job of the previous report, so that a new Job can replace it."""
        try:
            await self._writer.delete(JOBS, job)
        except REJECTIONS as error:
            await self._emit_report_failed(document, job, error.message, state)

    async def _emit_report_failed(self, document: Object, body: Object, message: str, state: Blockers) -> None:
        """Emit the Event ReportFailed, because the report Job `body` cannot be created or deleted."""
        name, state.report_refused = body["metadata"]["name"], True
        await self._writer.emit(report_failed(name, message, name), document)
