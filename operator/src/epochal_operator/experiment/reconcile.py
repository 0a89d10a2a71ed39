"""The reconciler of Experiments: reads an Experiment, its ledger and its trials, and plans."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from epochal_api.experiment.spec import InvalidExperiment, parse

from epochal_operator.experiment.actions import Create, EmitReportEvent, Plan, Suspend, Unmade, WriteTrials
from epochal_operator.experiment.apply import Applier, AskSearch, ExperimentAttempt
from epochal_operator.experiment.ledger.events import Warm
from epochal_operator.experiment.ledger.observe import observe
from epochal_operator.experiment.ledger.stored import NO_LEDGER, StoredLedger
from epochal_operator.experiment.ledger.trials import fold
from epochal_operator.experiment.ledger.warm_start import known_of_others
from epochal_operator.experiment.observed import Observed, ParsedSpec
from epochal_operator.experiment.plan import plan
from epochal_operator.experiment.plan_blocked import plan_invalid_spec, plan_without_ledger
from epochal_operator.experiment.reasons import CHILD_REASONS, Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENTS, REPORT_JOBS, TRIALS
from epochal_operator.experiment.schedule.pruning import remaining_promotions
from epochal_operator.experiment.search.searcher_pool import SearcherPool
from epochal_operator.experiment.search_space.check import check
from epochal_operator.experiment.search_space.space import InvalidSpace
from epochal_operator.experiment.trial_state import jobs_of
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.actions import EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.bounded_reader import UNREAD
from epochal_operator.runtime.api.resource import Key, Object, key_of
from epochal_operator.runtime.cache_transform import decompress_spec
from epochal_operator.runtime.kind import Term
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.runtime.reconciler import ObjectReconciler


@dataclass(frozen=True)
class _Spec:
    """The parsed spec of an Experiment, or the validation error, for a uid and a generation."""

    version: tuple[str, int]
    wanted: ParsedSpec | None
    fault: str = ""


@dataclass(frozen=True)
class _Read:
    """The spec and the ledger of an Experiment, and the trials of other Experiments for its warm start.

    Args:
        spec: Its spec.
        ledger: Its ledger, or the cause that it cannot be read.
        warm: The trials of other Experiments while the ledger is empty, or the cause that an Experiment cannot be used.
    """

    spec: _Spec
    ledger: StoredLedger | StatusCause
    warm: tuple[Warm, ...] | StatusCause = ()


@dataclass(frozen=True)
class _Rest:
    """An ended Experiment that needs no reconcile until an object changes or the time is due.

    Args:
        versions: The resourceVersions of the Experiment, its TrainingJobs and its report.
        due: The time of the next reconcile, or None.
    """

    versions: tuple[str, ...]
    due: datetime | None


class Reconciler(ObjectReconciler[ExperimentAttempt]):
    """Reconciles Experiments and their trials with their specs.

    Its caches hold only state that can be read again: the spec of each generation, and the ledger.

    Args:
        term: The clients and the object store of one leader term.
        installation: Returns the settings with which Epochal was installed.
        ask: Sends a request to the searcher; None for searchers in processes of their own.
        **settings: The further arguments of the base class.
    """

    resource, reasons, attempt = EXPERIMENTS, CHILD_REASONS, ExperimentAttempt

    def __init__(
        self, term: Term, installation: Callable[[], Installation], *, ask: AskSearch | None = None, **settings: Any
    ) -> None:
        super().__init__(term, installation, **settings)
        self._searchers = SearcherPool()
        self._applier = Applier(self.writer, self.children, installation, ask or self._searchers.ask, self.clock)
        self._specs: dict[Key, _Spec] = {}
        self._rests: dict[Key, _Rest] = {}

    async def run(self) -> None:
        """Wait until cancelled, then close the searcher processes."""
        try:
            await super().run()
        finally:
            await self._searchers.close()

    async def plan(self, document: Object, attempt: ExperimentAttempt) -> AnyPlan[Any]:
        """Return the plan for an Experiment."""
        key = key_of(document)
        versions, rest = self._versions(key, document), self._rests.pop(key, None)
        if rest is not None and rest.versions == versions and (rest.due is None or self.clock() < rest.due):
            self._rests[key] = rest
            return AnyPlan(requeue_after=(rest.due - self.clock()).total_seconds() if rest.due else None)
        read = await self._read(key, document)
        observed = await self._observe(key, document, read, attempt)
        attempt.parsed, attempt.observed = read.spec.wanted, observed
        # The plan builds TrainingJobs. Each takes 30 ms with a large template and many paths.
        todo = await asyncio.to_thread(_plan, document, read, observed)
        if not todo.actions and attempt.failure is None:
            is_over = (document.get("status") or {}).get("state") in {"Complete", "Failed"}
            if is_over and not (observed.running or observed.strays):
                self._let_go(key, read.spec)
                if not attempt.unreported:
                    after = todo.requeue_after
                    due = None if after is None else observed.now + timedelta(seconds=after)
                    self._rests[key] = _Rest(versions, due)
        return AnyPlan(tuple(_grouped(todo.actions)), todo.requeue_after)

    async def apply(self, document: Object, action: Any, attempt: ExperimentAttempt) -> None:
        """Apply an action that only Experiments have."""
        await self._applier.apply(document, action, attempt)

    async def refresh(self, key: Key) -> None:
        """Read an Experiment and its ledger from the API server again, after a conflict."""
        self._applier.ledgers.forget(key)
        await super().refresh(key)

    def forget(self, key: Key) -> None:
        """Forget the state of a deleted Experiment."""
        self._specs.pop(key, None)
        self._rests.pop(key, None)
        self._applier.forget(key)

    def _versions(self, key: Key, document: Object) -> tuple[str, ...]:
        """Return the resourceVersions of an Experiment, its TrainingJobs and its report."""
        found = (self.store.find(index, key).values() for index in (TRIALS, REPORT_JOBS))
        return tuple(one["metadata"]["resourceVersion"] for one in (document, *chain(*found)))

    async def _spec(self, key: Key, document: Object) -> _Spec:
        version = (document["metadata"]["uid"], document["metadata"]["generation"])
        known = self._specs.get(key)
        if known is not None and known.version[0] != version[0]:
            self.forget(key)  # The Experiment was created again before the watch reported its deletion.
        if known is None or known.version != version:
            # The check of all values in a large template may take seconds, so it runs in a thread.
            known = self._specs[key] = await asyncio.to_thread(_read_spec, version, document)
        return known

    async def _read(self, key: Key, document: Object) -> _Read:
        spec, ledgers = await self._spec(key, document), self._applier.ledgers
        ledger = await ledgers.read(document)
        if spec.wanted is None or isinstance(ledger, StatusCause) or ledger.events[1:]:
            return _Read(spec, ledger)
        return _Read(spec, ledger, await known_of_others(key, spec.wanted, self.store, ledgers))

    async def _observe(self, key: Key, document: Object, read: _Read, found: ExperimentAttempt) -> Observed:
        wanted, ledger, warm = read.spec.wanted, read.ledger, read.warm
        now, metadata = self.clock(), document["metadata"]
        jobs = jobs_of(self.store.find(TRIALS, key).values(), metadata)
        reports = self.store.find(REPORT_JOBS, key).values()
        report = next((one for one in reports if controller_uid(one) == metadata["uid"]), None)
        if wanted is None or not isinstance(ledger, StoredLedger):
            held, undone = self._applier.trials.held(document, jobs)
            known = ledger if isinstance(ledger, StoredLedger) else NO_LEDGER
            return Observed(
                now,
                known,
                trials=known.trials,
                jobs=jobs,
                report=report,
                held=held,
                undone=undone,
                told=found.contested,
            )
        # In a thread, since users write the annotations that are decoded: 20 KiB of each TrainingJob.
        news = await asyncio.to_thread(observe, wanted.spec, ledger.trials, jobs)
        trials = fold(news, ledger.trials) if news else ledger.trials
        hindered = found.hindered or self._applier.failure(key)
        if isinstance(warm, StatusCause):
            hindered, warm = warm, ()
        held, undone = self._applier.trials.held(document, jobs, trials)
        blocked, due = self._applier.trials.blocked(key)
        return Observed(
            now,
            ledger,
            trial_bytes=wanted.trial_bytes,
            remaining_promotions=remaining_promotions(trials, wanted.spec),
            news=news,
            trials=trials,
            jobs=jobs,
            report=report,
            blocked=blocked,
            held=held | due,
            undone=undone,
            hindered=hindered,
            batch=self._applier.batches.of(key),
            importance=self._applier.importance.get(key),
            warm=warm,
            unnoted=found.unnoted,
            unreported=found.unreported,
            report_told=self._applier.report_told.get(key, ""),
            told=found.contested,
        )

    def _let_go(self, key: Key, spec: _Spec) -> None:
        """Reduce the cached state of an ended Experiment to its uid, since ended Experiments accumulate."""
        if spec.wanted is not None:
            self._specs[key] = _Spec((spec.version[0], 0), None)
        self._applier.ledgers.forget(key)
        self._applier.trials.forget(key)


def _grouped(actions: Iterable[Any]) -> Iterator[Any]:
    """Yield actions with those on trials as one action, and with Events about the report as actions of their own."""
    trials = tuple(one for one in actions if isinstance(one, Create | Unmade | Suspend))
    if trials:
        yield WriteTrials(trials)
    for action in actions:
        if isinstance(action, EmitEvent) and action.event.reason in _OF_REPORTS:
            yield EmitReportEvent(action.event)
        elif not isinstance(action, Create | Unmade | Suspend):
            yield action


_OF_REPORTS = frozenset({Reason.REPORT_FAILED, Reason.REPORT_WAITING})


def _plan(document: Object, read: _Read, observed: Observed) -> Plan:
    spec, ledger = read.spec, read.ledger
    if spec.wanted is None:
        return plan_invalid_spec(decompress_spec(document), spec.fault, observed)
    given = {**document, "spec": spec.wanted.given}
    found = ledger if isinstance(ledger, StatusCause) else plan(given, spec.wanted, observed)
    return plan_without_ledger(document, spec.wanted.spec, found, observed) if isinstance(found, StatusCause) else found


def _read_spec(version: tuple[str, int], document: Object) -> _Spec:
    """Return the parsed spec of an Experiment, or its validation error."""
    if fault := document.get(UNREAD):
        return _Spec(version, None, str(fault))
    given = decompress_spec(document)
    try:
        spec = parse(given).spec
        return _Spec(version, ParsedSpec(spec, given["spec"], check(spec, given["spec"]["template"]["spec"])))
    except (InvalidExperiment, InvalidSpace) as error:
        return _Spec(version, None, str(error))
