"""Do what a plan says, step by step, to the Experiment that it was made for and to no other."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from epochal_api.experiment_status import ExperimentStatus
from epochal_api.status import read_status

from epochal_operator.experiment.actions import Action, Append, Ask, Create, DeleteExperiment, Suspend
from epochal_operator.experiment.events import ledger_damaged, rejected, report_failed
from epochal_operator.experiment.ledger import LEDGER_ANNOTATION, Created, Exhausted, Failed, Owner, encode
from epochal_operator.experiment.ledger import Event as Told
from epochal_operator.experiment.observe import Jobs
from epochal_operator.experiment.observed import Importance, Observed, Place, Wanted
from epochal_operator.experiment.patience import look_again_seconds
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report import GIVEN_UP_ANNOTATION, CreateReport, DeleteReport, given_up_text
from epochal_operator.experiment.report_job import report_job
from epochal_operator.experiment.resources import EXPERIMENTS
from epochal_operator.experiment.search.child import SearchFailed, SearchTooSlow
from epochal_operator.experiment.search.known import request
from epochal_operator.experiment.search.request import Request, Response
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL, KNOWN_ANNOTATION
from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.corrections import TOLERATED, Correction, Corrections, writers
from epochal_operator.runtime.errors import ALREADY_EXISTS, Conflict, Forbidden, Invalid, NotFound
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.kube import LEADER_MANAGER
from epochal_operator.runtime.owners import controller, controller_uid
from epochal_operator.runtime.resource import JOBS, Key, Object, Resource, key_of
from epochal_operator.runtime.writer import Writer
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.resources import TRAINING_JOBS

REJECTED = "Rejected"
"""Why a trial has failed that the API server does not take."""
AT_ONCE = 8
"""TrainingJobs of an Experiment that are written at once."""

_log = logging.getLogger(__name__)

AskSearch = Callable[[Request], Awaitable[Response]]
"""Asks for suggestions."""


class LedgerRefused(Exception):
    """The API server does not take the ledger; the message has its words."""


@dataclass
class Hindrances:
    """What has come in the way in the course of one reconcile: the next one tries again.

    Args:
        hindered: What is in the way of all new TrainingJobs.
        unnoted: Whether the API server does not take the ledger.
        unreported: Whether the Job that writes the report cannot be made now.
        told: Whether the status was written, and is not as it was written.
    """

    hindered: StatusCause | None = None
    unnoted: bool = False
    unreported: bool = False
    told: bool = False


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
        batches: How many trials may be suggested at once, of Experiments of which that took too long.
        report_told: The Job of each Experiment's report of which an Event has told that it has failed.
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
        self._installation = installation
        self._ask_search = ask
        self._asking = asyncio.Semaphore(1)  # each takes as much memory as the operator itself
        self._clock = clock
        self._corrections: defaultdict[Key, Corrections] = defaultdict(Corrections)
        self._failures: dict[Key, tuple[datetime, StatusCause]] = {}
        self._blocked: defaultdict[Key, dict[Place, tuple[datetime, StatusCause]]] = defaultdict(dict)
        self.importance: dict[Key, Importance] = {}
        self.batches: dict[Key, int] = {}
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
        await self._write_trials(document, observed, actions, found)
        for action in actions:
            await self._do(document, wanted, observed, action, found)

    def held(self, document: Object, jobs: Jobs) -> tuple[dict[Place, datetime], StatusCause | None]:
        """Returns which TrainingJobs are not to be put right before a time, and what is to be told of it.

        Args:
            document: The Experiment.
            jobs: Its TrainingJobs.
        """
        now, held, told = self._clock(), dict[Place, datetime](), None
        corrections, generation = self._corrections.get(key_of(document)), document["metadata"]["generation"]
        if corrections is None:
            return held, told
        for place, job in jobs.items():
            last = corrections.of(TRAINING_JOBS, key_of(job), job["metadata"]["uid"], generation, now)
            if last is not None and not last.stands(job) and now < last.due:
                held[place] = last.due
                told = told or _undone(job["metadata"]["name"], last)
        return held, told

    def forget(self, key: Key) -> None:
        """Forgets an Experiment that is gone.

        Args:
            key: Its namespace and name.
        """
        for known in (self.importance, self.batches, self.report_told, self._failures, self._blocked):
            known.pop(key, None)
        self._corrections.pop(key, None)

    async def refresh(self, key: Key) -> None:
        """Reads an Experiment anew: the API server knows of a change that has not been told yet.

        Args:
            key: Its namespace and name.
        """
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
                await self._delete(JOBS, action.job)
            case ApplyStatus():
                await self._apply_status(document, action)
            case EmitEvent():
                await self._writer.emit(action.event, document)
                if action.event.reason == Reason.REPORT_FAILED:
                    self.report_told[key_of(document)] = action.event.key
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
        slots, stops = asyncio.Semaphore(AT_ONCE), False

        async def write(action: Create | Suspend) -> Failed | None:
            nonlocal stops
            async with slots:
                if stops or (found.hindered and isinstance(action, Create)):
                    return None
                try:
                    return await self._write_trial(document, action, found)
                except BaseException:
                    stops = True  # What is under way ends, and nothing else begins.
                    raise

        results = await asyncio.gather(*map(write, trials), return_exceptions=True)
        if events := tuple(result for result in results if isinstance(result, Failed)):
            await self._append(document, observed, (*observed.news, *events))
        for result in results:
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
        if observed.events and not observed.damaged:
            noted = metadata["annotations"][LEDGER_ANNOTATION]
            text = await asyncio.to_thread(encode, events, noted, observed.events)
        else:
            text = await asyncio.to_thread(encode, (*(observed.events or (Owner(metadata["uid"]),)), *events))
        given = {"annotations": {LEDGER_ANNOTATION: text}, "resourceVersion": metadata["resourceVersion"]}
        key = (metadata["namespace"], metadata["name"])
        if observed.damaged:
            await self._writer.emit(ledger_damaged(len(observed.events), metadata["resourceVersion"]), document)
        try:
            written = await self._kube.patch(
                EXPERIMENTS, *key, {"metadata": given}, uid=metadata["uid"], manager=LEADER_MANAGER
            )
        except (Invalid, Forbidden) as error:
            raise LedgerRefused(error.message) from None
        self._writer.put(EXPERIMENTS, written)

    async def _ask(self, document: Object, wanted: Wanted, observed: Observed, action: Ask) -> None:
        """Has parameters suggested, and adds the trials to the ledger before any of them is made."""
        key, known = key_of(document), len(observed.events)
        asked = action.importance is not None
        question = request(
            wanted.spec, wanted.template, observed.events, action.trials, importance=asked, folded=observed.noted
        )
        answer, failure = Response(), "the search has suggested nothing"
        try:
            async with self._asking:
                answer = await self._ask_search(question)
        except SearchFailed as error:
            failure = str(error)
            if isinstance(error, SearchTooSlow):
                self.batches[key] = max(1, len(action.trials) // 2)
            _log.warning("nothing is suggested: %s", failure)
        if action.importance is not None:
            self.importance[key] = Importance(action.importance, dict(answer.importance))
        events: list[Told] = [Created(one.trial, dict(one.parameters), known) for one in answer.suggestions]
        if answer.exhausted and not observed.exhausted:
            events.append(Exhausted(known))
        if events:
            await self._append(document, observed, (*observed.news, *events))
        elif action.trials:
            cause = StatusCause(Reason.SEARCH_FAILED, f"No new trial, by an error of Epochal's: {failure}.")
            self._failures[key] = (self._until(document, cause), cause)

    def blocked(self, key: Key) -> tuple[dict[Place, StatusCause], dict[Place, datetime]]:
        """Returns what is in the way of TrainingJobs of an Experiment, and when each is to be tried again.

        Args:
            key: Its namespace and name.
        """
        now, noted = self._clock(), self._blocked.get(key, {})
        due = {place: until for place, (until, _) in noted.items() if now < until}
        return {place: noted[place][1] for place in due}, due

    def failure(self, key: Key) -> StatusCause | None:
        """Returns that an Experiment's search has failed just now, if it has.

        Args:
            key: Its namespace and name.
        """
        until, cause = self._failures.get(key, (None, None))
        return cause if until is not None and self._clock() < until else None

    async def _write_trial(self, document: Object, action: Create | Suspend, found: Hindrances) -> Failed | None:
        """Creates or suspends a TrainingJob; returns that it has failed if the API server will never take it."""
        if isinstance(action, Suspend):
            await self._suspend(document, action)
            return None
        name = action.body["metadata"]["name"]
        try:
            made, is_new = await self._writer.create(TRAINING_JOBS, action.body)
        except Invalid as error:
            return await self._refused(document, action, error)
        except (Forbidden, NotFound, Conflict) as error:
            found.hindered = StatusCause(Reason.TRIALS_REFUSED, f"The API server refuses {name}: {error.message}")
            return None
        if is_new:
            _log.info("created %s", name)
        if controller_uid(made) != document["metadata"]["uid"]:
            if _is_earlier(made, document):
                message = f"The TrainingJob {name} of an earlier Experiment of this name is being deleted."
                found.hindered = StatusCause(Reason.CLEANUP, message)
            else:
                message = (
                    f"The TrainingJob {name} is somebody else's: delete it, or take another name for the Experiment."
                )
                self._block(document, action, StatusCause(Reason.NAME_CONFLICT, message))
            return None
        if not _bears_label(made, action.body):
            made = await self._writer.patch(
                TRAINING_JOBS, made, {"metadata": {"labels": action.body["metadata"]["labels"]}}
            )
        if (mangled := _mangled(made, action.body)) is None:
            self._writer.put(TRAINING_JOBS, made)
            return None
        found.hindered = mangled
        if is_new:
            await self._delete(TRAINING_JOBS, made)
        return None

    async def _refused(self, document: Object, action: Create, error: Invalid) -> Failed | None:
        """Returns that a trial has failed whose TrainingJob breaks the rules, unless these may be others later."""
        name = action.body["metadata"]["name"]
        if error.by_policy or action.place[1]:  # What it took before, it may take again.
            message = f"The API server refuses {name}: {error.message}"
            self._block(document, action, StatusCause(Reason.TRIALS_REFUSED, message))
            return None
        await self._writer.emit(rejected(name, error.message), document)
        return Failed(*action.place, "", REJECTED)

    def _block(self, document: Object, action: Create, cause: StatusCause) -> None:
        """Notes what is in the way of a TrainingJob: it is not tried again for a while."""
        self._blocked[key_of(document)][action.place] = (self._until(document, cause), cause)

    def _until(self, document: Object, cause: StatusCause) -> datetime:
        """Returns when to try again what something is in the way of."""
        now, before = self._clock(), read_status(ExperimentStatus, document.get("status"))
        return now + timedelta(seconds=look_again_seconds(cause.reason, before, now) or 0)

    async def _suspend(self, document: Object, action: Suspend) -> None:
        """Suspends a TrainingJob, or resumes it, and remembers it: what somebody undoes is done again ever later."""
        key, spec, now = key_of(action.job), {"suspend": action.suspend}, self._clock()
        uid, generation = action.job["metadata"]["uid"], document["metadata"]["generation"]
        corrections, refusal, who = self._corrections[key_of(document)], None, tuple[str, ...]()
        before = corrections.of(TRAINING_JOBS, key, uid, generation, now)
        if before is not None and before.spec != spec:
            before = None  # That was another step, which nobody has undone.
        if before is not None:
            who = writers(await self._kube.get(TRAINING_JOBS, *key), spec, LEADER_MANAGER)
        try:
            self._writer.put(TRAINING_JOBS, await self._writer.patch(TRAINING_JOBS, action.job, {"spec": spec}))
        except NotFound:
            self._writer.remove(TRAINING_JOBS, action.job)
            return
        except (Invalid, Forbidden) as error:
            refusal = error.message
        times = before.times + 1 if before else 1
        done = Correction(uid, generation, times, now, ("spec.suspend",), who, refusal, TRAINING_JOBS.kind, spec)
        corrections.note(TRAINING_JOBS, key, done)

    async def _create_report(
        self, document: Object, wanted: Wanted, observed: Observed, action: CreateReport, found: Hindrances
    ) -> None:
        """Creates the Job that writes the report; what is in the way of it holds no trial up."""
        text = document["metadata"]["annotations"][LEDGER_ANNOTATION]
        given = {**document, "spec": wanted.given}
        body = await asyncio.to_thread(report_job, given, text, wanted.spec, self._installation())
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
        except (Invalid, Forbidden, NotFound) as error:
            await self._emit_unreported(document, body, error.message)
            found.unreported = True
            return
        self._writer.put(JOBS, made)
        _log.info("created %s, which writes its report", body["metadata"]["name"])

    async def _emit_unreported(self, document: Object, body: Object, message: str) -> None:
        """Tells that the Job that writes the report cannot be made."""
        name = body["metadata"]["name"]
        await self._writer.emit(report_failed(name, message, name), document)

    async def _apply_status(self, document: Object, action: ApplyStatus[ExperimentStatus]) -> None:
        await self._writer.apply_status(document, action.status.dump())
        if action.status.state != (document.get("status") or {}).get("state"):
            _log.info("is %s", action.status.state)

    async def _delete(self, resource: Resource, thing: Object) -> None:
        await self._writer.delete(resource, thing)
        self._writer.remove(resource, thing)


def _bears_label(job: Object, body: Object) -> bool:
    """Returns whether a TrainingJob is found by the label that it was given."""
    name = body["metadata"]["labels"][EXPERIMENT_LABEL]
    return bool((job["metadata"].get("labels") or {}).get(EXPERIMENT_LABEL) == name)


def _mangled(made: Object, body: Object) -> StatusCause | None:
    """Returns why a TrainingJob is not what it was created as, if it is not."""
    name = body["metadata"]["name"]
    if not _bears_label(made, body):
        message = f"Something takes the label {EXPERIMENT_LABEL} off {name}: an admission webhook or policy, perhaps."
        return StatusCause(Reason.TRIALS_REFUSED, message)
    if lost := set(body["spec"]["training"]) - set(made["spec"].get("training") or {}):
        fields = ", ".join(f"spec.training.{name}" for name in sorted(lost))
        message = f"The CRD of TrainingJobs is of an earlier version, without {fields}: upgrade it."
        return StatusCause(Reason.TRIALS_REFUSED, message)
    return None


def _is_earlier(job: Object, document: Object) -> bool:
    """Returns whether a TrainingJob is a trial of an Experiment of the same name that is gone."""
    owner = controller(job, group=EXPERIMENTS.group, kind=EXPERIMENTS.kind)
    return owner is not None and owner.name == document["metadata"]["name"]


def _undone(name: str, last: Correction) -> StatusCause | None:
    """Returns what is to be told of a TrainingJob that cannot be put right, or does not stay so."""
    if last.refusal is not None:
        return StatusCause(Reason.TRIALS_REFUSED, f"The API server refuses to change {name}: {last.refusal}")
    if last.times <= TOLERATED:
        return None
    who = ", ".join(last.writers)
    message = f"{who} and Epochal overwrite each other's spec.suspend of {name}: stop {who} from changing it."
    return StatusCause(Reason.FIELD_CONFLICT, message)


def _identity(metadata: Object) -> tuple[Any, ...]:
    """Returns what a plan depends on of an Experiment's metadata."""
    fields = ("uid", "generation", "deletionTimestamp")
    ledger = (metadata.get("annotations") or {}).get(LEDGER_ANNOTATION)
    return (*(metadata.get(name) for name in fields), ledger)
