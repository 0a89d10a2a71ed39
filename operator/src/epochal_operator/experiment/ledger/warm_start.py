"""The initial trials of a search: the trials of other Experiments that `spec.warmStartFrom` names."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from epochal_api.experiment.spec import InvalidExperiment, Objective, parse

from epochal_operator.experiment.ledger.encoding import MAX_TEXT, encode, sizes
from epochal_operator.experiment.ledger.events import Finished, Warm
from epochal_operator.experiment.ledger.observe import observe
from epochal_operator.experiment.ledger.store import LedgerStore
from epochal_operator.experiment.ledger.stored import StoredLedger
from epochal_operator.experiment.ledger.trials import fold
from epochal_operator.experiment.observed import ParsedSpec
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENTS, TRIALS
from epochal_operator.experiment.trial import finite
from epochal_operator.experiment.trial_state import Jobs, jobs_of
from epochal_operator.runtime.api.resource import Key, Object, key_of
from epochal_operator.runtime.cache_transform import decompress_spec
from epochal_operator.runtime.store import Store


async def known_of_others(
    key: Key, parsed: ParsedSpec, store: Store, ledgers: LedgerStore
) -> tuple[Warm, ...] | StatusCause:
    """Return the trials of other Experiments for the warm start, or the cause that an Experiment cannot be used.

    The ledgers are decompressed in threads, not in the event loop.

    Args:
        key: Namespace and name of the Experiment that starts from these trials.
        parsed: The parsed spec of this Experiment.
        store: The object store.
        ledgers: The store of the Experiments' ledgers.

    Raises:
        ApiError: If a request to the API server fails.
    """
    known: tuple[Warm, ...] = ()
    for one in parsed.spec.warm_start_from:
        other = store.get(EXPERIMENTS, Key(key.namespace, one.name))
        if other is None:
            message = f"spec.warmStartFrom: there is no Experiment {one.name} in this namespace yet."
            return StatusCause(Reason.WARM_START_NOT_FOUND, message)
        if differs := await asyncio.to_thread(_differs, parsed.spec.objective, other):
            message = f"spec.warmStartFrom: the objective of {one.name} must be that of this Experiment, {differs}."
            return StatusCause(Reason.WARM_START_MISMATCH, message)
        ledger = await _ledger(other, store, ledgers)
        if isinstance(ledger, StatusCause):
            message = f"spec.warmStartFrom: the ledger of {one.name} cannot be read. {ledger.message}"
            return StatusCause(Reason.WARM_START_NOT_FOUND, message)
        known = await asyncio.to_thread(_with, known, one.name, ledger, parsed)
    return known


async def _ledger(other: Object, store: Store, ledgers: LedgerStore) -> StoredLedger | StatusCause:
    """Return the ledger of another Experiment. If it is empty, its events follow from the TrainingJobs."""
    ledger, key = await ledgers.read(other), key_of(other)
    jobs = jobs_of(store.find(TRIALS, key).values(), other["metadata"])
    if isinstance(ledger, StatusCause) or ledger.events or not jobs:
        return ledger
    return await asyncio.to_thread(_rebuilt, ledger, other, jobs)


def _rebuilt(ledger: StoredLedger, other: Object, jobs: Jobs) -> StoredLedger:
    try:
        events = observe(parse(decompress_spec(other)).spec, (), jobs)
    except InvalidExperiment:
        return ledger
    return replace(ledger, events=events, trials=fold(events))


def _differs(own: Objective, other: Object) -> str:
    """Return the fields in which the objectives differ, as text; empty if the objective values are comparable."""
    given = decompress_spec(other)["spec"].get("objective") or {}
    theirs = {"strategy": Objective.model_fields["strategy"].default} | given
    ours = own.dump()
    fields = [name for name in ("metric", "goal", "strategy") if theirs.get(name) != ours[name]]
    return ", ".join(f"found {name} {theirs.get(name)} there and {ours[name]} here" for name in fields)


def _with(known: tuple[Warm, ...], name: str, ledger: StoredLedger, parsed: ParsedSpec) -> tuple[Warm, ...]:
    """Return the trials so far and the trials of another ledger, limited by `_best_of`."""
    return _best_of((*known, *_finished(name, ledger)), parsed)


def _best_of(known: Sequence[Warm], parsed: ParsedSpec) -> tuple[Warm, ...]:
    """Return the best trials, limited to half of the ledger's bytes, so that the search has room for its own trials.

    Each pass drops at least a tenth. All passes together thus encode at most ten times the trials of the first pass.
    """
    sign, most = -1 if parsed.spec.objective.goal == "Maximize" else 1, MAX_TEXT // 2
    ranked = sorted(known, key=lambda one: sign * float(one.value))
    while (size := sizes(encode(ranked)).taken) > most:
        ranked = ranked[: min(len(ranked) * 9 // 10, len(ranked) * most // size)]
    return tuple(known) if len(ranked) == len(known) else tuple(ranked)


def _finished(name: str, ledger: StoredLedger) -> list[Warm]:
    """Return the trials of a ledger that have finished a rung."""
    last = {(one.trial, one.rung): one.value for one in ledger.events if isinstance(one, Finished)}
    return [
        Warm(name, one.number, dict(one.parameters), text, one.epoch)
        for one in ledger.trials
        if one.rungs and finite(text := last.get((one.number, len(one.rungs) - 1)) or "") is not None
    ]
