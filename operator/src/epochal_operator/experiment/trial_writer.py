"""Write the TrainingJobs of trials, and remember what is in their way: it is tried again, ever later."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from epochal_api.experiment import trial_name
from epochal_api.text import printable
from epochal_api.trainingjob import InvalidTrainingJob, parse

from epochal_operator.experiment.actions import Create, Suspend, Unmade
from epochal_operator.experiment.events import not_made, rejected
from epochal_operator.experiment.hindrances import Hindrances
from epochal_operator.experiment.ledger import Failed
from epochal_operator.experiment.observe import Jobs
from epochal_operator.experiment.observed import Place
from epochal_operator.experiment.patience import look_again_at
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENTS
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL
from epochal_operator.experiment.trials import Trial
from epochal_operator.runtime.corrections import MAX_SECONDS, TOLERATED, Correction, Corrections, writers
from epochal_operator.runtime.errors import REFUSALS, AdmissionFailed, Conflict, Forbidden, Invalid, NotFound
from epochal_operator.runtime.kube import LEADER_MANAGER
from epochal_operator.runtime.owners import controller, controller_uid
from epochal_operator.runtime.resource import Key, Object, key_of
from epochal_operator.runtime.writer import Writer
from epochal_operator.trainingjob.job import NoStorageEndpoint, batch_job
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.resources import TRAINING_JOBS

REJECTED = "Rejected"
"""Why a trial has failed that the API server does not take."""
AT_ONCE = 8
"""TrainingJobs of an Experiment that are written at once."""

_log = logging.getLogger(__name__)


class TrialWriter:
    """Writes TrainingJobs of trials.

    Args:
        writer: What writes.
        installation: Returns what fills in where a spec says nothing.
        clock: Returns the time, with a time zone.
    """

    def __init__(self, writer: Writer, installation: Callable[[], Installation], clock: Callable[[], datetime]) -> None:
        self._writer = writer
        self._installation = installation
        self._clock = clock
        self._corrections: defaultdict[Key, Corrections] = defaultdict(Corrections)
        self._made: defaultdict[Key, dict[Place, Correction]] = defaultdict(dict)
        self._blocked: defaultdict[Key, dict[Place, tuple[datetime, StatusCause]]] = defaultdict(dict)

    async def write(
        self, document: Object, trials: Sequence[Create | Unmade | Suspend], found: Hindrances
    ) -> tuple[tuple[Failed, ...], BaseException | None]:
        """Creates and suspends TrainingJobs, some at a time.

        Args:
            document: The Experiment, as JSON.
            trials: The steps.
            found: Takes what comes in the way.

        Returns:
            Trials that are never made, and what went wrong, if anything did: to be raised once those are
            noted.
        """
        if not all(isinstance(action, Suspend) for action in trials):
            await self._check_current(document)
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
                    stops = True  # What is under way ends, and nothing else begins.
                    raise
                return None

        results = await asyncio.gather(*map(one, trials), return_exceptions=True)
        failed = tuple(result for result in results if isinstance(result, Failed))
        return failed, next((result for result in results if isinstance(result, BaseException)), None)

    def held(
        self, document: Object, jobs: Jobs, trials: Sequence[Trial] = ()
    ) -> tuple[dict[Place, datetime], StatusCause | None]:
        """Returns which TrainingJobs are not to be put right, or made, before a time, and what is to be told of it.

        Args:
            document: The Experiment.
            jobs: Its TrainingJobs.
            trials: Its trials, as far as they are known.
        """
        now, held, told = self._clock(), dict[Place, datetime](), None
        key, uid, generation = key_of(document), document["metadata"]["uid"], document["metadata"]["generation"]
        made = self._made.get(key, {})
        for place in ((one.number, len(one.rungs)) for one in trials if not one.ended):
            last = made.get(place) if place not in jobs else None
            if last and last.concerns(uid, generation, now) and last.times > TOLERATED and now < last.due:
                held[place] = last.due
                told = told or _deleted(trial_name(key.name, *place), last)
        if (corrections := self._corrections.get(key)) is None:
            return held, told
        for place, job in jobs.items():
            last_change = corrections.of(TRAINING_JOBS, key_of(job), job["metadata"]["uid"], generation, now)
            if last_change is not None and not last_change.stands(job) and now < last_change.due:
                held[place] = last_change.due
                told = told or _undone(job["metadata"]["name"], last_change)
        return held, told

    def blocked(self, key: Key) -> tuple[dict[Place, StatusCause], dict[Place, datetime]]:
        """Returns what is in the way of TrainingJobs of an Experiment, and when each is to be tried again.

        Args:
            key: Its namespace and name.
        """
        now, noted = self._clock(), self._blocked.get(key, {})
        due = {place: until for place, (until, _) in noted.items() if now < until}
        return {place: noted[place][1] for place in due}, due

    def forget(self, key: Key) -> None:
        """Forgets an Experiment that is gone, or over.

        Args:
            key: Its namespace and name.
        """
        self._corrections.pop(key, None)
        self._made.pop(key, None)
        self._blocked.pop(key, None)

    async def _check_current(self, document: Object) -> None:
        """Raises Conflict if an Experiment has changed: a watch may be late, and what was decided is decided anew."""
        metadata = document["metadata"]
        now = await self._writer.kube.get(EXPERIMENTS, metadata["namespace"], metadata["name"])
        if _identity(now["metadata"]) != _identity(metadata):
            raise Conflict(409, "Conflict", "the Experiment is another one by now")

    async def _create(self, document: Object, action: Create, found: Hindrances) -> Failed | None:
        """Creates a TrainingJob; returns that its trial has failed if the API server will never take it."""
        name = action.body["metadata"]["name"]
        # Once the TrainingJob exists, InvalidSpec does not end its trial: another version of Epochal may accept it.
        if refusal := await asyncio.to_thread(_refusal, action.body, self._installation()):
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

    async def _take(self, document: Object, action: Create, made: Object, found: Hindrances, *, is_new: bool) -> None:
        """Stores the TrainingJob that the API server returned, unless another owner or a webhook is in the way."""
        name = action.body["metadata"]["name"]
        if controller_uid(made) != document["metadata"]["uid"]:
            if _is_earlier(made, document):
                message = f"The TrainingJob {name} of an earlier Experiment of this name is being deleted."
                found.hindered = StatusCause(Reason.CLEANUP, message)
            else:
                message = (
                    f"The TrainingJob {name} is somebody else's: delete it, or take another name for the Experiment."
                )
                self._block(document, action, StatusCause(Reason.NAME_CONFLICT, message))
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
            self._writer.remove(TRAINING_JOBS, made)

    async def _refused(
        self, document: Object, action: Create, error: Invalid | Forbidden, found: Hindrances
    ) -> Failed | None:
        """Returns that a trial has failed whose TrainingJob breaks the rules, unless these may be others later."""
        cause = _refused_by("The API server", action, error.message)
        if error.by_policy:
            self._block(document, action, cause)
            return None
        if isinstance(error, Forbidden):  # by a quota, or for want of rights, which hold for all of them
            found.hindered = cause
            return None
        return await self._reject(document, action, "The API server", error.message)

    async def _reject(self, document: Object, action: Create, who: str, message: str) -> Failed | None:
        """Returns the failure of a trial with an invalid TrainingJob, or None: a trained trial waits."""
        if action.place[1]:  # An earlier rung was accepted, so this rung may be accepted later.
            self._block(document, action, _refused_by(who, action, message))
            return None
        await self._writer.emit(rejected(action.body["metadata"]["name"], message, by=who), document)
        return Failed(*action.place, "", REJECTED)

    async def _give_up(self, document: Object, action: Unmade) -> Failed | None:
        """Returns that a trial has failed whose TrainingJob cannot be built; one that was trained before waits."""
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
        """Notes what is in the way of a TrainingJob: it is not tried again for a while."""
        self._blocked[key_of(document)][action.place] = (look_again_at(document, cause.reason, self._clock()), cause)

    def _note_made(self, document: Object, action: Create) -> None:
        """Remembers that a TrainingJob was made, and how often in a row: what is deleted is made again ever later."""
        uid, generation, now = document["metadata"]["uid"], document["metadata"]["generation"], self._clock()
        made = self._made[key_of(document)]
        before = made.get(action.place)
        times = before.times + 1 if before is not None and before.concerns(uid, generation, now) else 1
        made[action.place] = Correction(uid, generation, times, now, (), kind=TRAINING_JOBS.kind)

    async def _suspend(self, document: Object, action: Suspend) -> None:
        """Suspends a TrainingJob, or resumes it, and remembers it: what somebody undoes is done again ever later."""
        key, spec, now = key_of(action.job), {"suspend": action.suspend}, self._clock()
        uid, generation = action.job["metadata"]["uid"], document["metadata"]["generation"]
        corrections, refusal, who = self._corrections[key_of(document)], None, tuple[str, ...]()
        before = corrections.of(TRAINING_JOBS, key, uid, generation, now)
        if before is not None and before.spec != spec:
            before = None  # That was another step, which nobody has undone.
        if before is not None:
            who = writers(await self._writer.kube.get(TRAINING_JOBS, *key), spec, LEADER_MANAGER)
        try:
            self._writer.put(TRAINING_JOBS, await self._writer.patch(TRAINING_JOBS, action.job, {"spec": spec}))
        except NotFound:
            self._writer.remove(TRAINING_JOBS, action.job)
            return
        except Conflict:  # The cache may be late, since its trainer reports: the next plan needs the present version.
            await self._writer.refresh(TRAINING_JOBS, key, action.job)
            raise
        except REFUSALS as error:
            refusal = error.message
        times = before.times + 1 if before else 1
        done = Correction(uid, generation, times, now, ("spec.suspend",), who, refusal, TRAINING_JOBS.kind, spec)
        corrections.note(TRAINING_JOBS, key, done)


_UID = "0" * 36
"""A uid of the usual length, which counts toward the size of a spec."""


def _refused_by(who: str, action: Create, message: str) -> StatusCause:
    """Returns that the TrainingJob of a trial is refused."""
    return StatusCause(Reason.TRIALS_REFUSED, f"{who} refuses {action.body['metadata']['name']}: {message}")


def _refusal(body: Object, installation: Installation) -> str:
    """Returns why this version of Epochal would give a TrainingJob the reason InvalidSpec, or an empty text."""
    try:
        batch_job(parse({**body, "metadata": {**body["metadata"], "uid": _UID}}), installation)
    except NoStorageEndpoint:  # The TrainingJob waits for it.
        return ""
    except InvalidTrainingJob as error:
        return str(error)
    return ""


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


def _deleted(name: str, last: Correction) -> StatusCause:
    """Returns what is to be told of a TrainingJob that somebody deletes again and again."""
    message = (
        f"Somebody has deleted {name} each of the {last.times} times that it was made. Epochal makes it again ever "
        f"more seldom, at last every {MAX_SECONDS / 60:.0f} minutes: stop whoever deletes it."
    )
    return StatusCause(Reason.TRIALS_DELETED, message)


def _identity(metadata: Object) -> tuple[Any, ...]:
    """Returns the fields of an Experiment's metadata that a plan depends on."""
    return tuple(metadata.get(name) for name in ("uid", "generation", "deletionTimestamp"))
