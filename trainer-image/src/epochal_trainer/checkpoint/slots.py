"""What an optimizer keeps for each weight that it trains, such as moments, where other layers are trainable than were.

Its variables bear the paths of the weights in their names. So each is found again by its weight, whichever others are
frozen: by their own order they would be those of other layers.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from epochal_trainer.checkpoint import variables
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.checkpoint.variables import MODEL, OPTIMIZER, Different
from epochal_trainer.data.samples import Array

_AVERAGE = "average"
"""What an optimizer averages weights in: Keras begins it with the weight itself, in the first of all steps only."""


class Slot(NamedTuple):
    """What a variable of an optimizer is for.

    Args:
        weight: The weight's index among the variables of the model.
        purpose: What is kept for it, such as momentum.
    """

    weight: int
    purpose: str


class Carried(NamedTuple):
    """What of an optimizer goes over from a checkpoint.

    Args:
        described: All of its variables here, whose values the arrays hold now.
        anew: Layers that are trainable here and were not there: for them it begins anew.
        frozen: Layers that were trainable there and are not here: what it kept for them is left out.
    """

    described: list[VariableState]
    anew: list[str]
    frozen: list[str]


def slots(optimizer: Sequence[VariableState], model: Sequence[VariableState]) -> list[Slot | None]:
    """Returns what each variable of an optimizer is for; None for one that belongs to no weight, or to none for sure.

    Args:
        optimizer: The optimizer's variables.
        model: The model's variables.
    """
    weights: dict[str, list[int]] = defaultdict(list)
    for index, weight in enumerate(model):
        weights[weight.path.replace("/", "_")].append(index)
    named = [_named(variable.path.rsplit("/", 1)[-1], weights) for variable in optimizer]
    count: dict[tuple[str, str], int] = defaultdict(int)
    for name in named:
        if name is not None:
            count[name] += 1
    found: list[Slot | None] = []
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for name in named:
        # Weights that share a path are told apart by their order, if all of them are trained.
        if name is None or count[name] != len(weights[name[0]]):
            found.append(None)
        else:
            found.append(Slot(weights[name[0]][seen[name]], name[1]))
            seen[name] += 1
    return found


def _named(name: str, weights: Mapping[str, Any]) -> tuple[str, str] | None:
    """Returns whose name an optimizer's variable bears, and what follows it."""
    bearers = (weight for weight in weights if name.startswith(f"{weight}_"))
    bearer = max(bearers, key=len, default=None)
    return None if bearer is None else (bearer, name[len(bearer) + 1 :])


def arrange(
    there: Mapping[str, Sequence[VariableState]],
    here: Mapping[str, Sequence[Any]],
    arrays: dict[str, Array],
    *,
    keeps_rate: bool = False,
) -> Carried:
    """Brings the arrays of an optimizer into the order of a model's, whichever layers are trainable in either.

    Args:
        there: The variables by group, as a checkpoint holds them.
        here: The variables of the model by group, as they were built.
        arrays: The checkpoint's arrays, which are changed. Those of the model are in its order already.
        keeps_rate: Whether the optimizer keeps the learning rate that it has here.

    Returns:
        What goes over, and what does not.

    Raises:
        Different: If it cannot. It says which layers are trainable in only one of both, if that is so.
    """
    match = _Match(there, here)
    try:
        sources = match.sources(keeps_rate=keeps_rate)
    except Different as error:
        raise Different(f"{error}{_advice(match)}") from error
    found = {
        index: arrays[variables.name(OPTIMIZER, sources[index])] if index in sources else match.initial(index, arrays)
        for index in range(len(match.optimizer))
    }
    arrays.update({variables.name(OPTIMIZER, index): array for index, array in found.items()})
    return Carried(match.optimizer, match.anew, match.frozen)


class _Match:
    """The variables of an optimizer in a checkpoint beside those of a model's."""

    def __init__(self, there: Mapping[str, Sequence[VariableState]], here: Mapping[str, Sequence[Any]]) -> None:
        self.optimizer = variables.describe(here[OPTIMIZER])
        self._model = variables.describe(here[MODEL])
        self._here = here
        self._there = there.get(OPTIMIZER, [])
        # By the index of its weight here, on both sides.
        places = variables.places(there.get(MODEL, []), self._model)
        here_of = {place: index for index, place in enumerate(places)}
        was = slots(self._there, there.get(MODEL, []))
        self._was = [slot and slot._replace(weight=here_of[slot.weight]) for slot in was]
        self._now = slots(self.optimizer, self._model)
        self._trained_there, self._trained_here = (
            {slot.weight for slot in each if slot} for each in (self._was, self._now)
        )

    @cached_property
    def anew(self) -> list[str]:
        """Layers that are trainable here alone."""
        return self._layers(self._trained_here - self._trained_there)

    @cached_property
    def frozen(self) -> list[str]:
        """Layers that are trainable there alone."""
        return self._layers(self._trained_there - self._trained_here)

    def sources(self, *, keeps_rate: bool) -> dict[int, int]:
        """Returns for each variable that goes over its index there."""
        found = self._shared(keeps_rate=keeps_rate)
        left = {slot: index for index, slot in enumerate(self._was) if slot and slot.weight in self._trained_here}
        for index, slot in enumerate(self._now):
            if slot is not None and slot.weight in self._trained_there:
                source = left.pop(slot, None)
                one = None if source is None else self._there[source]
                variables.check_same(one, self.optimizer[index])
                found |= {} if source is None else {index: source}
        for index in left.values():
            variables.check_same(self._there[index], None)
        return found

    def initial(self, index: int, arrays: Mapping[str, Array]) -> Array:
        """Returns what an optimizer begins a variable with that does not go over."""
        slot = self._now[index]
        if slot is not None and self._begins_with_the_weight(slot.purpose):
            return arrays[variables.name(MODEL, slot.weight)]
        return np.array(self._here[OPTIMIZER][index])

    def _shared(self, *, keeps_rate: bool) -> dict[int, int]:
        """Returns for each variable that belongs to no weight its index there."""

        def taken(described: Sequence[VariableState], of: Sequence[Slot | None]) -> list[int]:
            mine = (index for index, slot in enumerate(of) if slot is None)
            return [index for index in mine if not (keeps_rate and variables.is_rate(described[index]))]

        there, here = taken(self._there, self._was), taken(self.optimizer, self._now)
        order = variables.places([self._there[index] for index in there], [self.optimizer[index] for index in here])
        return {index: there[place] for index, place in zip(here, order, strict=True)}

    def _begins_with_the_weight(self, purpose: str) -> bool:
        """Returns whether an optimizer begins what it keeps for a purpose with the weights, as it was built here."""
        pairs = (
            (self._here[OPTIMIZER][index], self._here[MODEL][slot.weight])
            for index, slot in enumerate(self._now)
            if slot is not None and slot.purpose == purpose
        )
        return purpose == _AVERAGE or all(np.array_equal(np.array(kept), np.array(weight)) for kept, weight in pairs)

    def _layers(self, weights: set[int]) -> list[str]:
        return list(dict.fromkeys(self._model[weight].path.split("/")[0] for weight in sorted(weights)))


def _advice(match: _Match) -> str:
    sides = (match.anew, "trainable here and not there"), (match.frozen, "trainable there and not here")
    found = [f"{', '.join(layers)} {are}" for layers, are in sides if layers]
    if not found:
        return ""
    return f" (layers: {'; '.join(found)}; give them the `trainable` that they had there)"
