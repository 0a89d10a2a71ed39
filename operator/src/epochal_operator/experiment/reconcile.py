"""Reconcile: read an Experiment and its trials, plan, apply, and again until nothing is left to do."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from epochal_api.experiment import InvalidExperiment, parse

from epochal_operator.experiment.actions import Ask
from epochal_operator.experiment.apply import Applier, AskSearch
from epochal_operator.experiment.check import check
from epochal_operator.experiment.hindrances import Hindrances
from epochal_operator.experiment.ledger import MAX_TEXT, Warm
from epochal_operator.experiment.ledger_store import LedgerRefused
from epochal_operator.experiment.observe import jobs_of, observe
from epochal_operator.experiment.observed import Observed, Wanted
from epochal_operator.experiment.plan import Plan, plan, refuse
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENTS, REPORT_JOBS, TRIALS
from epochal_operator.experiment.schedule import promised
from epochal_operator.experiment.search.child import Searcher
from epochal_operator.experiment.search.lanes import LANES, Lanes
from epochal_operator.experiment.space import InvalidSpace
from epochal_operator.experiment.stored_ledger import StoredLedger
from epochal_operator.experiment.trials import fold
from epochal_operator.experiment.warm_start import known_of_others
from epochal_operator.experiment.without_ledger import plan_without_ledger
from epochal_operator.runtime.actions import ApplyStatus
from epochal_operator.runtime.errors import Conflict, NotFound
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.runtime.reader import UNREAD
from epochal_operator.runtime.resource import Key, Object, key_of
from epochal_operator.runtime.spec_text import whole
from epochal_operator.trainingjob.pod_template import Installation

ROUNDS = 16
"""More changes in a row than any Experiment takes; what is left then waits a moment."""
CONFLICTS = 4
"""More than may be chance: somebody denies with this code, and the queue waits ever longer."""
MOMENT = 1.0


@dataclass(frozen=True)
class _Spec:
    """What an Experiment asks for, or why that cannot be read, by uid and generation."""

    version: tuple[str, int]
    wanted: Wanted | None
    fault: str = ""


@dataclass(frozen=True)
class _Read:
    """The spec and the ledger of an Experiment, and the trials of other Experiments that it learns from.

    Args:
        spec: Its spec.
        ledger: Its ledger, or the cause that it cannot be read.
        warm: The trials of other Experiments, while the ledger is empty, or the cause that one of these cannot be used.
    """

    spec: _Spec
    ledger: StoredLedger | StatusCause
    warm: tuple[Warm, ...] | StatusCause = ()


@dataclass(frozen=True)
class _Rest:
    """An ended Experiment that needs nothing until an object or the time changes.

    Args:
        versions: The resourceVersions of the Experiment, its TrainingJobs and its report.
        due: The time to look again, if there is one.
    """

    versions: tuple[str, ...]
    due: datetime | None


class Reconciler:
    """Brings Experiments and their trials to what they should be.

    What it remembers of an Experiment is what it would read again: its spec by generation, and its ledger.

    Args:
        term: What it works with.
        installation: Returns what fills in where a spec says nothing.
        instance: Name of this process, for Events.
        ask: Asks for suggestions; a process of their own if it is not given.
        clock: Returns the time, with a time zone.
    """

    def __init__(
        self,
        term: Term,
        installation: Callable[[], Installation],
        *,
        instance: str,
        ask: AskSearch | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = term.store
        self._clock = clock
        self._lanes = Lanes([Searcher() for _ in range(LANES)])
        self._applier = Applier(term, installation, ask or self._lanes.ask, instance=instance, clock=clock)
        self._specs: dict[Key, _Spec] = {}
        self._rests: dict[Key, _Rest] = {}

    async def run(self) -> None:
        """Has nothing to do beside, but to leave no process behind."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._lanes.close()

    async def reconcile(self, key: Key) -> float | None:
        """Reconciles an Experiment.

        Args:
            key: Its namespace and name.

        Returns:
            Seconds after which to do it again, or None.

        Raises:
            ApiError: If the API server does not do its part.
        """
        found, conflicts = Hindrances(), 0
        for _ in range(ROUNDS):
            document = self._store.get(EXPERIMENTS, key)
            if document is None:
                self._forget(key)
                return None
            versions, rest = self._versions(key, document), self._rests.pop(key, None)
            if rest is not None and rest.versions == versions and (rest.due is None or self._clock() < rest.due):
                self._rests[key] = rest
                return (rest.due - self._clock()).total_seconds() if rest.due else None
            read = await self._read(key, document)
            observed = await self._observe(key, document, read, found)
            # It builds TrainingJobs, of a large template and many paths 30 ms each.
            todo = await asyncio.to_thread(_plan, document, read, observed)
            if not todo.actions:
                is_over = (document.get("status") or {}).get("state") in {"Complete", "Failed"}
                after = todo.look_again(found.failure)
                if is_over and not (observed.running or observed.strays):
                    self._let_go(key, read.spec)
                    if not found.unreported:
                        due = None if after is None else observed.now + timedelta(seconds=after)
                        self._rests[key] = _Rest(versions, due)
                return after
            try:
                await self._apply(document, read.spec.wanted, observed, todo, found)
                if not found.unnoted and any(isinstance(action, Ask) for action in todo.actions):
                    return 0  # It may have taken long: others have their turn, and it is seen that there is progress.
            except (Conflict, NotFound):
                conflicts += 1
                if conflicts == CONFLICTS:
                    raise
                await self._applier.refresh(key)
        return MOMENT

    async def _apply(
        self, document: Object, wanted: Wanted | None, observed: Observed, todo: Plan, found: Hindrances
    ) -> None:
        """Does what a plan says, and takes note of what comes in the way."""
        try:
            await self._applier.apply(document, wanted, observed, todo.actions, found)
        except LedgerRefused as error:
            found.unnoted, found.hindered = True, StatusCause(Reason.LEDGER_REFUSED, str(error))
            return
        wrote = any(isinstance(action, ApplyStatus) for action in todo.actions)
        if wrote and self._store.get(EXPERIMENTS, key_of(document)) is document:
            found.told = True  # Somebody else holds a field that should go: written again, it would stay.

    def _versions(self, key: Key, document: Object) -> tuple[str, ...]:
        """Returns the resourceVersions of an Experiment, its TrainingJobs and its report."""
        found = (self._store.find(index, key).values() for index in (TRIALS, REPORT_JOBS))
        return tuple(one["metadata"]["resourceVersion"] for one in (document, *chain(*found)))

    async def _spec(self, key: Key, document: Object) -> _Spec:
        version = (document["metadata"]["uid"], document["metadata"]["generation"])
        known = self._specs.get(key)
        if known is not None and known.version[0] != version[0]:
            self._forget(key)  # It was deleted and made anew before the end of the other was told.
        if known is None or known.version != version:
            # It may take seconds to try all values in a large template: meanwhile others are reconciled.
            known = self._specs[key] = await asyncio.to_thread(_read_spec, version, document)
        return known

    async def _read(self, key: Key, document: Object) -> _Read:
        spec, ledgers = await self._spec(key, document), self._applier.ledgers
        ledger = await ledgers.read(document)
        if spec.wanted is None or isinstance(ledger, StatusCause) or ledger.events[1:]:
            return _Read(spec, ledger)
        return _Read(spec, ledger, await known_of_others(key, spec.wanted, self._store, ledgers))

    async def _observe(self, key: Key, document: Object, read: _Read, found: Hindrances) -> Observed:
        wanted, ledger, warm = read.spec.wanted, read.ledger, read.warm
        now, metadata = self._clock(), document["metadata"]
        jobs = jobs_of(self._store.find(TRIALS, key).values(), metadata)
        reports = self._store.find(REPORT_JOBS, key).values()
        report = next((one for one in reports if controller_uid(one) == metadata["uid"]), None)
        if wanted is None or not isinstance(ledger, StoredLedger):
            held, undone = self._applier.trials.held(document, jobs)
            known = ledger if isinstance(ledger, StoredLedger) else None
            noted = known.trials if known else ()
            return Observed(
                now, ledger=known, trials=noted, jobs=jobs, report=report, held=held, undone=undone, told=found.told
            )
        # Users write the annotations that it decodes, 20 KiB of each TrainingJob.
        news = await asyncio.to_thread(observe, wanted.spec, ledger.trials, jobs)
        trials = fold(news, ledger.trials) if news else ledger.trials
        hindered = found.hindered or self._applier.failure(key)
        if isinstance(warm, StatusCause):
            hindered, warm = warm, ()
        held, undone = self._applier.trials.held(document, jobs, trials)
        blocked, due = self._applier.trials.blocked(key)
        return Observed(
            now,
            events=ledger.events,
            size=ledger.sizes.taken,
            room=MAX_TEXT,
            trial_bytes=wanted.trial_bytes,
            promised=promised(trials, wanted.spec),
            damaged=ledger.damaged,
            foreign=ledger.foreign,
            ledger=ledger,
            news=news,
            noted=ledger.trials,
            trials=trials,
            jobs=jobs,
            report=report,
            blocked=blocked,
            held=held | due,
            undone=undone,
            hindered=hindered,
            exhausted=ledger.exhausted,
            batch=self._applier.batches.of(key),
            importance=self._applier.importance.get(key),
            warm=warm,
            unnoted=found.unnoted,
            unreported=found.unreported,
            report_told=self._applier.report_told.get(key, ""),
            told=found.told,
        )

    def _let_go(self, key: Key, spec: _Spec) -> None:
        """Keeps of an Experiment that is over no more than whose it is: those that have ended are ever more."""
        if spec.wanted is not None:
            self._specs[key] = _Spec((spec.version[0], 0), None)
        self._applier.ledgers.forget(key)
        self._applier.trials.forget(key)

    def _forget(self, key: Key) -> None:
        self._specs.pop(key, None)
        self._rests.pop(key, None)
        self._applier.forget(key)


def _plan(document: Object, read: _Read, observed: Observed) -> Plan:
    spec, ledger = read.spec, read.ledger
    if spec.wanted is None:
        return refuse(whole(document), spec.fault, observed)
    if isinstance(ledger, StatusCause):
        return plan_without_ledger(document, spec.wanted.spec, ledger, observed)
    return plan({**document, "spec": spec.wanted.given}, spec.wanted, observed)


def _read_spec(version: tuple[str, int], document: Object) -> _Spec:
    """Reads what an Experiment asks for."""
    if fault := document.get(UNREAD):
        return _Spec(version, None, str(fault))
    given = whole(document)
    try:
        spec = parse(given).spec
        return _Spec(version, Wanted(spec, given["spec"], check(spec, given["spec"]["template"]["spec"])))
    except (InvalidExperiment, InvalidSpace) as error:
        return _Spec(version, None, str(error))
