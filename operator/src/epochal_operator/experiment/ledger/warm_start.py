"""The trials of other Experiments (`spec.warmStartFrom`) whose results the sampler of a search uses."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from epochal_api.experiment.spec import InvalidExperiment, Objective, parse

from epochal_operator.experiment.ledger.encoding import MAX_LEDGER_BYTES, LedgerFull, encode, sizes
from epochal_operator.experiment.ledger.events import Finished, WarmStartTrial
from epochal_operator.experiment.ledger.observe import observe_jobs
from epochal_operator.experiment.ledger.store import LedgerStore
from epochal_operator.experiment.ledger.stored import StoredLedger
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.observed import ParsedSpec
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENTS, TRIALS
from epochal_operator.experiment.trial import parse_finite
from epochal_operator.experiment.trial_state import Jobs, jobs_by_rung
from epochal_operator.runtime.api.resource import Key, Object, key_of
from epochal_operator.runtime.cache_transform import decompress_spec
from epochal_operator.runtime.store import Store


async def read_warm_start(
    key: Key, parsed: ParsedSpec, store: Store, ledgers: LedgerStore
) -> tuple[WarmStartTrial, ...] | StatusCause:
    """Return the trials of the Experiments in `spec.warmStartFrom`, or the cause if one of them cannot be used.

    Such an Experiment must exist, have an equal objective, and have a readable ledger. The ledgers are decompressed in
    threads, not in the event loop.

    Raises:
        ApiError: If a request to the API server fails.
    """
    warm_trials: tuple[WarmStartTrial, ...] = ()
    for reference in parsed.spec.warm_start_from:
        name = reference.name
        other = store.get(EXPERIMENTS, Key(key.namespace, name))
        if other is None:
            message = f"spec.warmStartFrom: this namespace has no Experiment {name}: create it, or remove the entry."
            return StatusCause(Reason.WARM_START_NOT_FOUND, message)
        if differences := await asyncio.to_thread(_objective_differences, parsed.spec.objective, other):
            message = f"spec.warmStartFrom: {name} must have the objective of this Experiment, {differences}."
            return StatusCause(Reason.WARM_START_MISMATCH, message)
        ledger = await _read_ledger(other, store, ledgers)
        if isinstance(ledger, StatusCause):
            message = f"spec.warmStartFrom: the ledger of {name} cannot be read. {ledger.message}"
            return StatusCause(Reason.WARM_START_NOT_FOUND, message)
        warm_trials = await asyncio.to_thread(_add_trials, warm_trials, name, ledger, parsed)
    return warm_trials


async def _read_ledger(other: Object, store: Store, ledgers: LedgerStore) -> StoredLedger | StatusCause:
    """Return the ledger of another Experiment. If the ledger is empty, rebuild its events from the TrainingJobs."""
    ledger, key = await ledgers.read(other), key_of(other)
    jobs = jobs_by_rung(store.find(TRIALS, key).values(), other["metadata"])
    if isinstance(ledger, StatusCause) or ledger.events or not jobs:
        return ledger
    return await asyncio.to_thread(_rebuild, ledger, other, jobs)


def _rebuild(ledger: StoredLedger, other: Object, jobs: Jobs) -> StoredLedger:
    try:
        events = observe_jobs(parse(decompress_spec(other)).spec, (), jobs)
    except InvalidExperiment:
        return ledger
    return replace(ledger, events=events, trials=apply_events(events))


def _objective_differences(own: Objective, other: Object) -> str:
    """Return the fields in which the objectives differ, as text; empty if the objective values are comparable."""
    default = {"strategy": Objective.model_fields["strategy"].default}
    theirs, ours = default | (decompress_spec(other)["spec"].get("objective") or {}), own.dump()
    fields = [name for name in ("metric", "goal", "strategy") if theirs.get(name) != ours[name]]
    return ", ".join(
        f"found {name} {theirs.get(name)} in that Experiment and {ours[name]} in this one" for name in fields
    )


def _add_trials(
    trials: tuple[WarmStartTrial, ...], name: str, ledger: StoredLedger, parsed: ParsedSpec
) -> tuple[WarmStartTrial, ...]:
    """Return `trials` and another ledger's trials that have a value, or the best that fit into half a ledger."""
    values = {(event.trial, event.rung): event.value for event in ledger.events if isinstance(event, Finished)}
    added = [
        WarmStartTrial(name, trial.number, dict(trial.parameters), value, trial.epoch)
        for trial in ledger.trials
        if trial.rungs and parse_finite(value := values.get((trial.number, len(trial.rungs) - 1)) or "") is not None
    ]
    return _limit_bytes((*trials, *added), parsed)


def _limit_bytes(trials: Sequence[WarmStartTrial], parsed: ParsedSpec) -> tuple[WarmStartTrial, ...]:
    """Return the best trials that fit into half of the ledger; the other half stays free for the search's own trials.

    Each pass drops at least a tenth. All passes together thus encode at most ten times the trials of the first pass.
    """
    sign, limit = -1 if parsed.spec.objective.goal == "Maximize" else 1, MAX_LEDGER_BYTES // 2
    ranked = sorted(trials, key=lambda trial: sign * float(trial.value))
    while (size := _size(ranked)) > limit:
        ranked = ranked[: min(len(ranked) * 9 // 10, len(ranked) * limit // size)]
    return tuple(trials) if len(ranked) == len(trials) else tuple(ranked)


def _size(trials: Sequence[WarmStartTrial]) -> int:
    """Return the used bytes of a ledger with these trials; MAX_LEDGER_BYTES if they do not fit."""
    try:
        return sizes(encode(trials)).used
    except LedgerFull:
        return MAX_LEDGER_BYTES
