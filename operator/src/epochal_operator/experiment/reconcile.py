"""The reconciler of Experiments: reads an Experiment, its ledger and its trials, and applies the plan."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from epochal_operator.checker.verdict import (
    UNANSWERED_SECONDS,
    Checker,
    NoChecker,
    NoVerdict,
    Verdict,
)
from epochal_operator.experiment import cache_transform
from epochal_operator.experiment.actions import (
    BuildFailure,
    CreateTrial,
    EmitReportEvent,
    Plan,
    SuspendTrial,
    WriteTrials,
)
from epochal_operator.experiment.apply import Applier, ExperimentReconcileState, SendRequest
from epochal_operator.experiment.ledger.events import WarmStartTrial
from epochal_operator.experiment.ledger.observe import observe_jobs
from epochal_operator.experiment.ledger.stored import NO_LEDGER, StoredLedger
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.ledger.warm_start import read_warm_start
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.plan import make_plan
from epochal_operator.experiment.plan_blocked import plan_invalid_spec, plan_without_ledger
from epochal_operator.experiment.reasons import CHILD_REASONS, Reason, StatusCause
from epochal_operator.experiment.report.job import report_job
from epochal_operator.experiment.resources import EXPERIMENTS, TRIALS
from epochal_operator.experiment.schedule.pruning import remaining_promotions
from epochal_operator.experiment.search.searcher_pool import SearcherPool
from epochal_operator.experiment.spec_cache import CachedSpec, SpecCache
from epochal_operator.experiment.state import FINISHED_STATES
from epochal_operator.experiment.template_check import faults_of_all_trials, has_refused_template, template_question
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL
from epochal_operator.experiment.trial_state import jobs_by_rung
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.actions import EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.resource import JOBS, Key, Object, key_of
from epochal_operator.runtime.cache_transform import decompress_spec
from epochal_operator.runtime.kind import ReconcileContext
from epochal_operator.runtime.owners import OwnedType, controller_uid
from epochal_operator.runtime.reconciler import ObjectReconciler

REPORT_JOBS = OwnedType(JOBS, EXPERIMENT_LABEL, cache_transform.report_job, report_job, is_optional=True)
"""The Jobs that write reports. Their permissions in the chart: rbac.yaml and policy-operator.yaml."""
_REPORT_EVENTS = frozenset({Reason.REPORT_FAILED, Reason.REPORT_WAITING})


@dataclass(frozen=True)
class _Inputs:
    """The spec and the ledger of an Experiment, and the trials of other Experiments for its warm start.

    Args:
        ledger: Its ledger, or the cause that it cannot be read.
        warm_trials: The trials for the warm start of an empty ledger, or the cause that they cannot be read.
    """

    spec: CachedSpec
    ledger: StoredLedger | StatusCause
    warm_trials: tuple[WarmStartTrial, ...] | StatusCause = ()


@dataclass(frozen=True)
class _FinishedExperiment:
    """A finished Experiment, with no action to plan until one of the resourceVersions changes or `due` is reached."""

    versions: tuple[str, ...]
    due: datetime | None


class Reconciler(ObjectReconciler[ExperimentReconcileState]):
    """Brings the TrainingJobs, the report and the status of Experiments to the state that their specs require.

    Its caches hold only state that can be read again: the spec of each generation, and the ledger.

    Args:
        ask: Sends a request to the searcher; None to use a pool of searcher processes.
        checker: Checks whether Keras accepts a network; None in an installation without a checker.
        **settings: The further arguments of the base class.
    """

    resource, reasons, state_type = EXPERIMENTS, CHILD_REASONS, ExperimentReconcileState

    def __init__(
        self,
        context: ReconcileContext,
        installation: Callable[[], Installation],
        *,
        ask: SendRequest | None = None,
        checker: Checker | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(context, installation, **settings)
        self._checker = checker or NoChecker()
        self._searchers = SearcherPool()
        self._applier = Applier(self.writer, self.children, installation, ask or self._searchers.ask, self.clock)
        self._uids: dict[Key, str] = {}
        self._specs = SpecCache()
        self._finished: dict[Key, _FinishedExperiment] = {}

    async def run(self) -> None:
        """Wait until cancelled, then close the searcher processes."""
        try:
            await super().run()
        finally:
            await self._searchers.close()

    async def plan(self, document: Object, state: ExperimentReconcileState) -> AnyPlan[Any]:
        """Return the plan for an Experiment."""
        key = key_of(document)
        is_finished = (document.get("status") or {}).get("state") in FINISHED_STATES
        versions = self._versions(key, document) if is_finished else ()
        last = self._finished.pop(key, None)
        if last is not None and last.versions == versions and (last.due is None or self.clock() < last.due):
            self._finished[key] = last
            return AnyPlan(requeue_after=(last.due - self.clock()).total_seconds() if last.due else None)
        inputs = await self._read(key, document)
        checked = self._check_template(key, document, inputs)
        if isinstance(checked, NoVerdict):
            return AnyPlan(requeue_after=UNANSWERED_SECONDS if checked is NoVerdict.UNKNOWN else None)
        inputs = checked
        observed = await self._observe(key, document, inputs, state)
        state.parsed, state.observed = inputs.spec.parsed, observed
        # The plan builds TrainingJobs. Each takes 30 ms with a large template and many paths.
        plan = await asyncio.to_thread(_plan, document, inputs, observed)
        is_idle = not (plan.actions or state.failure or observed.running or observed.unexpected_jobs)
        if is_finished and is_idle:
            self._shrink_caches(key, inputs.spec)
            if not state.report_refused:
                after = plan.requeue_after
                due = None if after is None else observed.now + timedelta(seconds=after)
                self._finished[key] = _FinishedExperiment(versions, due)
        return AnyPlan(tuple(_group_actions(plan.actions)), plan.requeue_after)

    async def apply(self, document: Object, action: Any, state: ExperimentReconcileState) -> None:
        """Apply an action that only Experiments have."""
        await self._applier.apply(document, action, state)

    async def refresh(self, key: Key) -> None:
        """Read an Experiment again from the API server after a conflict; the next plan also reads its ledger again."""
        self._applier.ledgers.forget(key)
        await super().refresh(key)

    def forget(self, key: Key) -> None:
        """Forget the state of a deleted Experiment."""
        self._uids.pop(key, None)
        self._specs.forget(key)
        self._finished.pop(key, None)
        self._applier.forget(key)

    def _versions(self, key: Key, document: Object) -> tuple[str, ...]:
        """Return the resourceVersions of an Experiment, its TrainingJobs and its report Jobs."""
        jobs = (self.store.find(index, key).values() for index in (TRIALS, REPORT_JOBS))
        return tuple(thing["metadata"]["resourceVersion"] for thing in (document, *chain(*jobs)))

    async def _spec(self, key: Key, document: Object) -> CachedSpec:
        uid = document["metadata"]["uid"]
        if self._uids.get(key, uid) != uid:
            self.forget(key)  # The Experiment was created again before the watch reported its deletion.
        self._uids[key] = uid
        return await self._specs.read(key, document)

    async def _read(self, key: Key, document: Object) -> _Inputs:
        spec, ledgers = await self._spec(key, document), self._applier.ledgers
        ledger = await ledgers.read(document)
        if spec.parsed is None or isinstance(ledger, StatusCause) or ledger.events[1:]:
            return _Inputs(spec, ledger)
        return _Inputs(spec, ledger, await read_warm_start(key, spec.parsed, self.store, ledgers))

    def _check_template(self, key: Key, document: Object, inputs: _Inputs) -> _Inputs | NoVerdict:
        """Return the inputs, in which `spec` is invalid if Keras refuses the network of every trial.

        Returns PENDING until the checker answers, and UNKNOWN if it does not answer and has refused this spec before.
        """
        parsed = inputs.spec.parsed
        if parsed is None or (question := template_question(document, parsed, inputs.ledger)) is None:
            return inputs
        verdict = self._checker.verdict(question, lambda: self.context.enqueue(key))
        if isinstance(verdict, Verdict):
            faults = faults_of_all_trials(parsed, verdict)
            spec = CachedSpec(inputs.spec.version, None, faults, Reason.INVALID_NETWORK)
            return replace(inputs, spec=spec) if faults else inputs
        if verdict is NoVerdict.ABSENT or (verdict is NoVerdict.UNKNOWN and not has_refused_template(document)):
            return inputs
        return verdict

    async def _observe(self, key: Key, document: Object, inputs: _Inputs, state: ExperimentReconcileState) -> Observed:
        parsed, ledger, warm_trials = inputs.spec.parsed, inputs.ledger, inputs.warm_trials
        now, metadata = self.clock(), document["metadata"]
        jobs = jobs_by_rung(self.store.find(TRIALS, key).values(), metadata)
        reports = self.store.find(REPORT_JOBS, key).values()
        report = next((job for job in reports if controller_uid(job) == metadata["uid"]), None)
        if parsed is None or not isinstance(ledger, StoredLedger):
            ledger = ledger if isinstance(ledger, StoredLedger) else NO_LEDGER
            delayed, delay_cause = self._applier.trials.delayed(document, jobs)
            return Observed(
                now,
                ledger,
                trials=ledger.trials,
                jobs=jobs,
                report=report,
                delayed=delayed,
                delay_cause=delay_cause,
                status_apply_had_no_effect=state.status_apply_had_no_effect,
            )
        # In a thread, since users write the annotations that are decoded: 20 KiB of each TrainingJob.
        new_events = await asyncio.to_thread(observe_jobs, parsed.spec, ledger.trials, jobs)
        trials = apply_events(new_events, ledger.trials) if new_events else ledger.trials
        failure = self._applier.failure(key)
        blocker = state.blocker or failure
        if isinstance(warm_trials, StatusCause):
            blocker, warm_trials = warm_trials, ()
        delayed, delay_cause = self._applier.trials.delayed(document, jobs, trials)
        blocked, due = self._applier.trials.blocked(key)
        return Observed(
            now,
            ledger,
            trial_bytes=parsed.trial_bytes,
            remaining_promotions=remaining_promotions(trials, parsed.spec),
            new_events=new_events,
            trials=trials,
            jobs=jobs,
            report=report,
            blocked=blocked,
            delayed=delayed | due,
            delay_cause=delay_cause,
            blocker=blocker,
            batch_size=self._applier.batch_sizes.of(key),
            importance=self._applier.importance.get(key),
            warm_trials=warm_trials,
            ledger_refused=state.ledger_refused or (failure is not None and failure.reason == Reason.LEDGER_REFUSED),
            report_refused=state.report_refused,
            report_event_key=self._applier.report_event_keys.get(key, ""),
            status_apply_had_no_effect=state.status_apply_had_no_effect,
        )

    def _shrink_caches(self, key: Key, spec: CachedSpec) -> None:
        """Free the parsed spec, the ledger and the write delays of a finished Experiment, since these accumulate."""
        if spec.parsed is not None:
            self._specs.forget(key)
        self._applier.ledgers.forget(key)
        self._applier.trials.forget(key)


def _group_actions(actions: Iterable[Any]) -> Iterator[Any]:
    """Yield a WriteTrials with the actions on trials, then all others; Events about the report as EmitReportEvents."""
    trials = tuple(action for action in actions if isinstance(action, CreateTrial | BuildFailure | SuspendTrial))
    if trials:
        yield WriteTrials(trials)
    for action in actions:
        if isinstance(action, EmitEvent) and action.event.reason in _REPORT_EVENTS:
            yield EmitReportEvent(action.event)
        elif not isinstance(action, CreateTrial | BuildFailure | SuspendTrial):
            yield action


def _plan(document: Object, inputs: _Inputs, observed: Observed) -> Plan:
    parsed, ledger = inputs.spec.parsed, inputs.ledger
    if parsed is None:
        return plan_invalid_spec(decompress_spec(document), inputs.spec.error, observed, inputs.spec.reason)
    result = (
        ledger if isinstance(ledger, StatusCause) else make_plan({**document, "spec": parsed.raw}, parsed, observed)
    )
    return plan_without_ledger(document, parsed.spec, result, observed) if isinstance(result, StatusCause) else result
