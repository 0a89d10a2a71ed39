"""Write the TrainingJobs of trials, and retry failed writes with a growing delay."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from epochal_api.experiment.spec import trial_name
from epochal_api.text import printable

from epochal_operator.experiment.actions import BuildFailure, CreateTrial, SuspendTrial
from epochal_operator.experiment.blockers import Blockers, next_retry
from epochal_operator.experiment.events import trial_not_made, trial_rejected
from epochal_operator.experiment.ledger.events import REJECTED, Failed
from epochal_operator.experiment.reasons import CHILD_REASONS, Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENTS
from epochal_operator.experiment.trial import RungKey, Trial
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL
from epochal_operator.experiment.trial_state import Jobs, parse_trial_name
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.actions import PatchChild
from epochal_operator.runtime.api.errors import AdmissionFailed, Conflict, Forbidden, Invalid, NotFound
from epochal_operator.runtime.api.resource import Key, Object, key_of
from epochal_operator.runtime.children import Children
from epochal_operator.runtime.drift import MAX_SECONDS, UNREPORTED_CORRECTIONS, Correction, DriftBackoff
from epochal_operator.runtime.owners import name_conflict
from epochal_operator.runtime.writer import Writer
from epochal_operator.trainingjob.interface import TRAINING_JOBS, spec_error

MAX_CONCURRENT_WRITES = 8
"""The number of concurrent writes for an Experiment."""

_log = logging.getLogger(__name__)


class TrialWriter:
    """Creates, suspends and resumes the TrainingJobs of trials."""

    def __init__(
        self,
        writer: Writer,
        children: Children,
        installation: Callable[[], Installation],
        clock: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self._children = children
        self._installation = installation
        self._clock = clock
        self._created = DriftBackoff()
        self._blocked: defaultdict[Key, dict[RungKey, tuple[datetime, StatusCause]]] = defaultdict(dict)

    async def write(
        self, document: Object, trials: Sequence[CreateTrial | BuildFailure | SuspendTrial], state: Blockers
    ) -> tuple[tuple[Failed, ...], BaseException | None]:
        """Create, suspend and resume TrainingJobs concurrently.

        Returns:
            The Failed events of trials whose TrainingJob will never be created, and the first error or None. The caller
            raises the error after it has appended the events to the ledger.
        """
        if not all(isinstance(action, SuspendTrial) for action in trials):
            await self._writer.check_current(document)
        slots, is_stopped = asyncio.Semaphore(MAX_CONCURRENT_WRITES), False

        async def write_one(action: CreateTrial | BuildFailure | SuspendTrial) -> Failed | None:
            nonlocal is_stopped
            async with slots:
                if is_stopped or (state.blocker and isinstance(action, CreateTrial)):
                    return None
                try:
                    match action:
                        case CreateTrial():
                            return await self._create(document, action, state)
                        case BuildFailure():
                            return await self._handle_build_failure(document, action)
                        case SuspendTrial():
                            await self._suspend(document, action)
                except BaseException:
                    is_stopped = True  # Running writes finish, but no other write begins.
                    raise
                return None

        results = await asyncio.gather(*map(write_one, trials), return_exceptions=True)
        failed = tuple(result for result in results if isinstance(result, Failed))
        return failed, next((result for result in results if isinstance(result, BaseException)), None)

    def delayed(
        self, document: Object, jobs: Jobs, trials: Sequence[Trial] = ()
    ) -> tuple[dict[RungKey, datetime], StatusCause | None]:
        """Return the time before which TrainingJobs must not be written, by trial and rung, and the cause to report.

        Another client has deleted such a TrainingJob repeatedly, or has undone a change of its spec.suspend.
        """
        # Only TrainingJobs with corrections are checked: a look at each of 500 took a fifth of a plan's CPU time.
        now, delayed, cause = self._clock(), dict[RungKey, datetime](), None
        created = _corrected_children(self._created, document, above=UNREPORTED_CORRECTIONS)
        unfinished = {trial.rung_key for trial in trials if not trial.is_finished} if created else set()
        for rung_key in sorted(created.keys() & unfinished - jobs.keys()):
            last = self._created.latest(document, TRAINING_JOBS, created[rung_key], document["metadata"]["uid"], now)
            if last is not None and now < last.due:
                delayed[rung_key] = last.due
                cause = cause or _deleted_cause(last)
        for rung_key in sorted(_corrected_children(self._children.drift, document).keys() & jobs.keys()):
            job = jobs[rung_key]
            last = self._children.drift.latest(document, TRAINING_JOBS, key_of(job), job["metadata"]["uid"], now)
            if last is not None and (end := last.backoff_end(job)) is not None and now < end:
                delayed[rung_key] = end
                cause = cause or last.backoff_cause(now, CHILD_REASONS, EXPERIMENTS.kind)
        return delayed, cause

    def blocked(self, key: Key) -> tuple[dict[RungKey, StatusCause], dict[RungKey, datetime]]:
        """Return the causes that block TrainingJobs of an Experiment, and the time of each next attempt."""
        now, blocked = self._clock(), self._blocked.get(key, {})
        due = {rung_key: time for rung_key, (time, _) in blocked.items() if now < time}
        return {rung_key: blocked[rung_key][1] for rung_key in due}, due

    def forget(self, key: Key) -> None:
        """Forget the cached state of a deleted or ended Experiment."""
        self._children.forget(key)
        self._created.forget(key)
        self._blocked.pop(key, None)

    async def _create(self, document: Object, action: CreateTrial, state: Blockers) -> Failed | None:
        """Create a TrainingJob. Return a Failed event if Epochal or the API server refuses a trial's first rung."""
        name = action.body["metadata"]["name"]
        # Once the TrainingJob exists, InvalidSpec does not end its trial: another version of Epochal may accept it.
        if error_message := await asyncio.to_thread(spec_error, action.body, self._installation()):
            return await self._reject(document, action, "Epochal", error_message)
        try:
            created, is_new = await self._writer.create(TRAINING_JOBS, action.body)
        except (Invalid, Forbidden) as error:
            return await self._handle_refusal(document, action, error, state)
        except (NotFound, Conflict, AdmissionFailed) as error:
            state.failure = error if isinstance(error, AdmissionFailed) else None
            reason = Reason.WEBHOOK_FAILED if state.failure else Reason.TRIALS_REFUSED
            state.blocker = StatusCause(reason, f"The API server refuses the TrainingJob {name}: {error.message}")
            return None
        if is_new:
            _log.info("created %s", name)
        await self._store(document, action, created, state, is_new=is_new)
        return None

    async def _store(
        self, document: Object, action: CreateTrial, created: Object, state: Blockers, *, is_new: bool
    ) -> None:
        """Add the created TrainingJob to the cache, unless it has another owner or lacks its label or spec fields."""
        if owner_cause := name_conflict(created, document, TRAINING_JOBS, EXPERIMENTS, CHILD_REASONS):
            if owner_cause.reason == Reason.CLEANUP:
                state.blocker = owner_cause
            else:
                self._block(document, action, owner_cause)
            return
        if not _has_label(created, action.body):
            created = await self._writer.patch(
                TRAINING_JOBS, created, {"metadata": {"labels": action.body["metadata"]["labels"]}}
            )
        if (cause := _admission_cause(created, action.body)) is None:
            self._writer.put(TRAINING_JOBS, created)
            if is_new:
                self._record_creation(document, action)
            return
        state.blocker = cause
        if is_new:
            await self._writer.delete(TRAINING_JOBS, created)

    async def _handle_refusal(
        self, document: Object, action: CreateTrial, error: Invalid | Forbidden, state: Blockers
    ) -> Failed | None:
        """Return a Failed event if the API server finds a TrainingJob invalid; else record the blocking cause."""
        cause = _refusal_cause("The API server", action, error.message)
        if error.by_policy:
            self._block(document, action, cause)
            return None
        if isinstance(error, Forbidden):  # a quota or missing permission blocks all trials
            state.blocker = cause
            return None
        return await self._reject(document, action, "The API server", error.message)

    async def _reject(self, document: Object, action: CreateTrial, refuser: str, message: str) -> Failed | None:
        """Return a Failed event if a trial's first TrainingJob is refused; block a later rung, and return None."""
        if action.rung_key[1]:  # An earlier rung was accepted, so this rung may be accepted later.
            self._block(document, action, _refusal_cause(refuser, action, message))
            return None
        await self._writer.emit(trial_rejected(action.body["metadata"]["name"], message, by=refuser), document)
        return Failed(*action.rung_key, "", REJECTED)

    async def _handle_build_failure(self, document: Object, action: BuildFailure) -> Failed | None:
        """Return a Failed event if the first rung cannot be built; block a later rung, and return None."""
        name = trial_name(document["metadata"]["name"], *action.rung_key)
        _log.error("%s cannot be built", name, exc_info=action.error)
        error = printable(f"{type(action.error).__name__}: {action.error}")
        message = f"Epochal cannot build the TrainingJob {name}, because of a bug in Epochal: {error}."
        if action.rung_key[1]:
            self._block(document, action, StatusCause(Reason.TRIAL_NOT_MADE, message))
            return None
        await self._writer.emit(trial_not_made(name, message), document)
        return Failed(*action.rung_key, "", Reason.TRIAL_NOT_MADE)

    def _block(self, document: Object, action: CreateTrial | BuildFailure, cause: StatusCause) -> None:
        """Record the cause that blocks a TrainingJob, and the time of the next attempt."""
        self._blocked[key_of(document)][action.rung_key] = (next_retry(document, cause.reason, self._clock()), cause)

    def _record_creation(self, document: Object, action: CreateTrial) -> None:
        """Count the consecutive creations of a TrainingJob: after each deletion the next creation is delayed longer."""
        # Each creation has another UID, so the record uses the UID of the Experiment.
        metadata, now = action.body["metadata"], self._clock()
        job = {"metadata": {**metadata, "uid": document["metadata"]["uid"]}}
        before = self._created.latest(document, TRAINING_JOBS, key_of(job), job["metadata"]["uid"], now)
        fields, name = ("its creation",), metadata["name"]
        self._created.record(document, TRAINING_JOBS, job, now, fields=fields, before=before, subject=name)

    async def _suspend(self, document: Object, action: SuspendTrial) -> None:
        """Suspend or resume a TrainingJob; if another client undoes this, each repetition is delayed longer."""
        job, spec = action.job, {"suspend": action.suspend}
        try:
            patch = PatchChild(TRAINING_JOBS, job, spec, required=spec)
            await self._children.change(document, patch, subject=job["metadata"]["name"])
        except NotFound:
            self._writer.remove(TRAINING_JOBS, job)
        except Conflict:  # The trainer writes status, so the cache may be late: the next plan needs the current one.
            await self._writer.refresh(TRAINING_JOBS, key_of(job), job)
            raise


def _corrected_children(backoff: DriftBackoff, document: Object, *, above: int = 0) -> dict[RungKey, Key]:
    """Return, by trial and rung, the keys of an Experiment's TrainingJobs with more than `above` corrections."""
    name, children = document["metadata"]["name"], backoff.corrected(document, TRAINING_JOBS, above=above)
    return {rung_key: child for child in children if (rung_key := parse_trial_name(child.name, name)) is not None}


def _refusal_cause(refuser: str, action: CreateTrial, message: str) -> StatusCause:
    """Return the cause TrialsRefused for a refused TrainingJob."""
    return StatusCause(
        Reason.TRIALS_REFUSED, f"{refuser} refuses the TrainingJob {action.body['metadata']['name']}: {message}"
    )


def _has_label(job: Object, body: Object) -> bool:
    """Return whether a TrainingJob still has the label of its Experiment."""
    name = body["metadata"]["labels"][EXPERIMENT_LABEL]
    return bool((job["metadata"].get("labels") or {}).get(EXPERIMENT_LABEL) == name)


def _admission_cause(created: Object, body: Object) -> StatusCause | None:
    """Return the cause if a stored TrainingJob lacks its label or fields of spec.training, or None."""
    name = body["metadata"]["name"]
    if not _has_label(created, body):
        message = (
            f"The TrainingJob {name} was stored without the label {EXPERIMENT_LABEL}: exempt TrainingJobs from the "
            "admission webhook or policy that removes it."
        )
        return StatusCause(Reason.TRIALS_REFUSED, message)
    if lost := set(body["spec"]["training"]) - set(created["spec"].get("training") or {}):
        fields = ", ".join(f"spec.training.{name}" for name in sorted(lost))
        message = (
            f"The TrainingJob {name} was stored without {fields}: upgrade the CRD of TrainingJobs if it is older "
            "than the operator."
        )
        return StatusCause(Reason.TRIALS_REFUSED, message)
    return None


def _deleted_cause(last: Correction) -> StatusCause:
    """Return the cause TrialsDeleted for a TrainingJob that another client deletes repeatedly."""
    message = (
        f"Another client has deleted the TrainingJob {last.subject} after each of {last.times} creations. Epochal "
        f"creates it again with a growing delay of up to {MAX_SECONDS / 60:.0f} minutes: stop that client."
    )
    return StatusCause(Reason.TRIALS_DELETED, message)
