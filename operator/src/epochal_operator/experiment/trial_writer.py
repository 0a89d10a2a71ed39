"""Write the TrainingJobs of trials, and retry failed writes with a growing delay."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from epochal_api.experiment.spec import trial_name
from epochal_api.text import printable

from epochal_operator.experiment.actions import Create, Suspend, Unmade
from epochal_operator.experiment.blockers import Blockers, next_attempt
from epochal_operator.experiment.events import not_made, rejected
from epochal_operator.experiment.ledger.events import Failed
from epochal_operator.experiment.reasons import CHILD_REASONS, Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENTS
from epochal_operator.experiment.trial import Place, Trial
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL
from epochal_operator.experiment.trial_state import Jobs
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.actions import PatchChild
from epochal_operator.runtime.api.errors import AdmissionFailed, Conflict, Forbidden, Invalid, NotFound
from epochal_operator.runtime.api.resource import Key, Object, key_of
from epochal_operator.runtime.children import Children
from epochal_operator.runtime.drift import MAX_SECONDS, TOLERATED, Correction, DriftBackoff
from epochal_operator.runtime.owners import blocked_by
from epochal_operator.runtime.writer import Writer
from epochal_operator.trainingjob.interface import TRAINING_JOBS, spec_error

REJECTED = "Rejected"
"""The reason of a failed trial: the API server refused its TrainingJob."""
AT_ONCE = 8
"""The number of concurrent writes for an Experiment."""

_log = logging.getLogger(__name__)


class TrialWriter:
    """Creates, suspends and resumes the TrainingJobs of trials.

    Args:
        writer: The writer of objects to the API server.
        children: The children of Experiments, for corrections with backoff.
        installation: Returns the settings with which Epochal was installed.
        clock: Returns the current time, with a time zone.
    """

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
        self._blocked: defaultdict[Key, dict[Place, tuple[datetime, StatusCause]]] = defaultdict(dict)

    async def write(
        self, document: Object, trials: Sequence[Create | Unmade | Suspend], found: Blockers
    ) -> tuple[tuple[Failed, ...], BaseException | None]:
        """Create, suspend and resume TrainingJobs concurrently.

        Args:
            document: The Experiment, as JSON.
            trials: The actions.
            found: Collects the errors that block the Experiment.

        Returns:
            The events of trials that are never created, and the first error or None. The caller raises the error after
            it has appended the events.
        """
        if not all(isinstance(action, Suspend) for action in trials):
            await self._writer.check_current(document)
        slots, stops = asyncio.Semaphore(AT_ONCE), False

        async def one(action: Create | Unmade | Suspend) -> Failed | None:
            nonlocal stops
            async with slots:
                if stops or (found.hindered and isinstance(action, Create)):
                    return None
                try:
                    match action:
                        case Create():
                            return await self._create(document, action, found)
                        case Unmade():
                            return await self._give_up(document, action)
                        case Suspend():
                            await self._suspend(document, action)
                except BaseException:
                    stops = True  # Running writes finish, but no other write begins.
                    raise
                return None

        results = await asyncio.gather(*map(one, trials), return_exceptions=True)
        failed = tuple(result for result in results if isinstance(result, Failed))
        return failed, next((result for result in results if isinstance(result, BaseException)), None)

    def held(
        self, document: Object, jobs: Jobs, trials: Sequence[Trial] = ()
    ) -> tuple[dict[Place, datetime], StatusCause | None]:
        """Return the due time of each TrainingJob that must not be written yet, and the cause to report.

        Args:
            document: The Experiment, as JSON.
            jobs: The TrainingJobs of the Experiment.
            trials: The trials of the Experiment that are available.
        """
        now, held, told = self._clock(), dict[Place, datetime](), None
        metadata = document["metadata"]
        for place in ((one.number, len(one.rungs)) for one in trials if not one.ended):
            child = Key(metadata["namespace"], trial_name(metadata["name"], *place))
            last = self._created.of(document, TRAINING_JOBS, child, metadata["uid"], now)
            if place not in jobs and last and last.times > TOLERATED and now < last.due:
                held[place] = last.due
                told = told or _deleted(last)
        for place, job in jobs.items():
            last = self._children.drift.of(document, TRAINING_JOBS, key_of(job), job["metadata"]["uid"], now)
            if last is not None and not last.stands(job) and now < last.due:
                held[place] = last.due
                told = told or last.blocks(now, CHILD_REASONS, EXPERIMENTS.kind)
        return held, told

    def blocked(self, key: Key) -> tuple[dict[Place, StatusCause], dict[Place, datetime]]:
        """Return the causes that block TrainingJobs of an Experiment, and the time of each next attempt.

        Args:
            key: Namespace and name of the Experiment.
        """
        now, noted = self._clock(), self._blocked.get(key, {})
        due = {place: until for place, (until, _) in noted.items() if now < until}
        return {place: noted[place][1] for place in due}, due

    def forget(self, key: Key) -> None:
        """Forget the cached state of a deleted or ended Experiment.

        Args:
            key: Namespace and name of the Experiment.
        """
        self._children.forget(key)
        self._created.forget(key)
        self._blocked.pop(key, None)

    async def _create(self, document: Object, action: Create, found: Blockers) -> Failed | None:
        """Create a TrainingJob; return a Failed event if the API server will never accept it."""
        name = action.body["metadata"]["name"]
        # Once the TrainingJob exists, InvalidSpec does not end its trial: another version of Epochal may accept it.
        if refusal := await asyncio.to_thread(spec_error, action.body, self._installation()):
            return await self._reject(document, action, "Epochal", refusal)
        try:
            made, is_new = await self._writer.create(TRAINING_JOBS, action.body)
        except (Invalid, Forbidden) as error:
            return await self._refused(document, action, error, found)
        except (NotFound, Conflict, AdmissionFailed) as error:
            found.failure = error if isinstance(error, AdmissionFailed) else None
            reason = Reason.WEBHOOK_FAILED if found.failure else Reason.TRIALS_REFUSED
            found.hindered = StatusCause(reason, f"The API server refuses {name}: {error.message}")
            return None
        if is_new:
            _log.info("created %s", name)
        await self._take(document, action, made, found, is_new=is_new)
        return None

    async def _take(self, document: Object, action: Create, made: Object, found: Blockers, *, is_new: bool) -> None:
        """Store the created TrainingJob, unless it has another owner or a webhook has changed it."""
        if cause := blocked_by(made, document, TRAINING_JOBS, EXPERIMENTS, CHILD_REASONS):
            if cause.reason == Reason.CLEANUP:
                found.hindered = cause
            else:
                self._block(document, action, cause)
            return
        if not _bears_label(made, action.body):
            made = await self._writer.patch(
                TRAINING_JOBS, made, {"metadata": {"labels": action.body["metadata"]["labels"]}}
            )
        if (mangled := _mangled(made, action.body)) is None:
            self._writer.put(TRAINING_JOBS, made)
            if is_new:
                self._note_made(document, action)
            return
        found.hindered = mangled
        if is_new:
            await self._writer.delete(TRAINING_JOBS, made)

    async def _refused(
        self, document: Object, action: Create, error: Invalid | Forbidden, found: Blockers
    ) -> Failed | None:
        """Return a Failed event for an invalid TrainingJob, or None if it may be accepted later."""
        cause = _refused_by("The API server", action, error.message)
        if error.by_policy:
            self._block(document, action, cause)
            return None
        if isinstance(error, Forbidden):  # a quota or missing permission blocks all trials
            found.hindered = cause
            return None
        return await self._reject(document, action, "The API server", error.message)

    async def _reject(self, document: Object, action: Create, who: str, message: str) -> Failed | None:
        """Return a Failed event for an invalid TrainingJob, or None for a later rung, which waits."""
        if action.place[1]:  # An earlier rung was accepted, so this rung may be accepted later.
            self._block(document, action, _refused_by(who, action, message))
            return None
        await self._writer.emit(rejected(action.body["metadata"]["name"], message, by=who), document)
        return Failed(*action.place, "", REJECTED)

    async def _give_up(self, document: Object, action: Unmade) -> Failed | None:
        """Return a Failed event for a TrainingJob that cannot be built, or None for a later rung, which waits."""
        name = trial_name(document["metadata"]["name"], *action.place)
        _log.error("%s cannot be built", name, exc_info=action.error)
        why = printable(f"{type(action.error).__name__}: {action.error}")
        message = f"{name} cannot be made, by an error of Epochal's: {why}."
        if action.place[1]:
            self._block(document, action, StatusCause(Reason.TRIAL_NOT_MADE, message))
            return None
        await self._writer.emit(not_made(name, message), document)
        return Failed(*action.place, "", Reason.TRIAL_NOT_MADE)

    def _block(self, document: Object, action: Create | Unmade, cause: StatusCause) -> None:
        """Record the cause that blocks a TrainingJob, and the time of the next attempt."""
        self._blocked[key_of(document)][action.place] = (next_attempt(document, cause.reason, self._clock()), cause)

    def _note_made(self, document: Object, action: Create) -> None:
        """Count the consecutive creations of a TrainingJob: after each deletion the next creation is delayed longer."""
        # The UID of the TrainingJob is another one after each creation, so that of the Experiment stands for it.
        metadata, now = action.body["metadata"], self._clock()
        made = {"metadata": {**metadata, "uid": document["metadata"]["uid"]}}
        before = self._created.of(document, TRAINING_JOBS, key_of(made), made["metadata"]["uid"], now)
        fields, name = ("its creation",), metadata["name"]
        self._created.record(document, TRAINING_JOBS, made, now, fields=fields, before=before, subject=name)

    async def _suspend(self, document: Object, action: Suspend) -> None:
        """Suspend or resume a TrainingJob; each repetition is delayed longer."""
        job, spec = action.job, {"suspend": action.suspend}
        try:
            patch = PatchChild(TRAINING_JOBS, job, spec, required=spec)
            await self._children.change(document, patch, subject=job["metadata"]["name"])
        except NotFound:
            self._writer.remove(TRAINING_JOBS, job)
        except Conflict:  # The trainer writes status, so the cache may be late: the next plan needs the current one.
            await self._writer.refresh(TRAINING_JOBS, key_of(job), job)
            raise


def _refused_by(who: str, action: Create, message: str) -> StatusCause:
    """Return the cause TrialsRefused for a refused TrainingJob."""
    return StatusCause(Reason.TRIALS_REFUSED, f"{who} refuses {action.body['metadata']['name']}: {message}")


def _bears_label(job: Object, body: Object) -> bool:
    """Return whether a TrainingJob still has the label of its Experiment."""
    name = body["metadata"]["labels"][EXPERIMENT_LABEL]
    return bool((job["metadata"].get("labels") or {}).get(EXPERIMENT_LABEL) == name)


def _mangled(made: Object, body: Object) -> StatusCause | None:
    """Return the cause if a created TrainingJob lacks its label or fields of its spec, or None."""
    name = body["metadata"]["name"]
    if not _bears_label(made, body):
        message = f"Something takes the label {EXPERIMENT_LABEL} off {name}: an admission webhook or policy, perhaps."
        return StatusCause(Reason.TRIALS_REFUSED, message)
    if lost := set(body["spec"]["training"]) - set(made["spec"].get("training") or {}):
        fields = ", ".join(f"spec.training.{name}" for name in sorted(lost))
        message = f"The CRD of TrainingJobs is of an earlier version, without {fields}: upgrade it."
        return StatusCause(Reason.TRIALS_REFUSED, message)
    return None


def _deleted(last: Correction) -> StatusCause:
    """Return the cause TrialsDeleted for a TrainingJob that another client deletes repeatedly."""
    message = (
        f"Somebody has deleted {last.subject} each of the {last.times} times that it was created. Epochal creates it "
        f"again ever more rarely, at last every {MAX_SECONDS / 60:.0f} minutes: stop the client that deletes it."
    )
    return StatusCause(Reason.TRIALS_DELETED, message)
