"""What an Experiment knows from the beginning: the trials of others that `spec.warmStartFrom` names."""

from collections.abc import Sequence

from epochal_api.experiment import Objective

from epochal_operator.experiment.ledger import LEDGER_ANNOTATION, Event, Finished, Warm, decode, encode, own, taken
from epochal_operator.experiment.observed import Wanted
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.resources import EXPERIMENTS
from epochal_operator.experiment.trials import finite, fold
from epochal_operator.runtime.resource import Key, Object
from epochal_operator.runtime.spec_text import whole
from epochal_operator.runtime.store import Store


def known_of_others(key: Key, wanted: Wanted, store: Store) -> tuple[Warm, ...] | StatusCause:
    """Returns what other Experiments know, or which of them is not there, or has looked for something else.

    Args:
        key: Namespace and name of the Experiment that is to know it, too.
        wanted: What its spec asks for.
        store: What is known of objects.
    """
    known: list[Warm] = []
    for one in wanted.spec.warm_start_from:
        other = store.get(EXPERIMENTS, Key(key.namespace, one.name))
        if other is None:
            message = f"spec.warmStartFrom: there is no Experiment {one.name} in this namespace yet."
            return StatusCause(Reason.WARM_START_NOT_FOUND, message)
        if differs := _differs(wanted.spec.objective, other):
            message = f"spec.warmStartFrom: the objective of {one.name} must be that of this Experiment, {differs}."
            return StatusCause(Reason.WARM_START_MISMATCH, message)
        text = (other["metadata"].get("annotations") or {}).get(LEDGER_ANNOTATION, "")
        known += _finished(one.name, own(decode(text), other["metadata"]["uid"]))
    return _best_of(known, wanted)


def _differs(own: Objective, other: Object) -> str:
    """Returns in what the objective of another Experiment differs; empty if its values can be compared."""
    given = whole(other)["spec"].get("objective") or {}
    theirs = {"strategy": Objective.model_fields["strategy"].default} | given
    ours = own.dump()
    fields = [name for name in ("metric", "goal", "strategy") if theirs.get(name) != ours[name]]
    return ", ".join(f"found {name} {theirs.get(name)} there and {ours[name]} here" for name in fields)


def _best_of(known: Sequence[Warm], wanted: Wanted) -> tuple[Warm, ...]:
    """Returns what other Experiments know; if that is much, the best of it: half of the ledger is the search's own."""
    sign, most = -1 if wanted.spec.objective.goal == "Maximize" else 1, max(0, wanted.room // 2)
    ranked = sorted(known, key=lambda one: sign * float(one.value))
    while (size := taken(encode(ranked))) > most:
        ranked = ranked[: min(len(ranked) - 1, len(ranked) * most // size)]
    return tuple(known) if len(ranked) == len(known) else tuple(ranked)


def _finished(name: str, events: tuple[Event, ...]) -> list[Warm]:
    """Returns what an Experiment's ledger knows of its trials that have finished a rung."""
    last = {(one.trial, one.rung): one.value for one in events if isinstance(one, Finished)}
    return [
        Warm(name, one.number, dict(one.parameters), text, one.epoch)
        for one in fold(events)
        if one.rungs and finite(text := last.get((one.number, len(one.rungs) - 1)) or "") is not None
    ]
