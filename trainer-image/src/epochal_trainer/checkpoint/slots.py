"""The optimizer's variables for each trained weight, such as moments, if other layers are trainable than before.

An optimizer variable contains the path of its weight in its name. So it is matched by its weight, whichever other
layers are frozen. Matched by their own order, the variables would belong to the wrong layers.
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
"""Purpose of the averaged weights of an optimizer: Keras sets them to the weight itself only in the very first step."""


class Slot(NamedTuple):
    """The weight that an optimizer variable belongs to, and its purpose.

    Args:
        weight: The weight's index among the variables of the model.
        purpose: The purpose of the variable, such as momentum.
    """

    weight: int
    purpose: str


class Carried(NamedTuple):
    """The optimizer variables transferred from a checkpoint.

    Args:
        described: All optimizer variables of this model. The arrays now hold their values.
        anew: Layers that are trainable now and were not before: for them the optimizer starts with initial values.
        frozen: Layers that were trainable before and are not now: the optimizer's values for them are dropped.
    """

    described: list[VariableState]
    anew: list[str]
    frozen: list[str]


def slots(optimizer: Sequence[VariableState], model: Sequence[VariableState]) -> list[Slot | None]:
    """Return the slot of each optimizer variable; None if the variable has no weight, or its weight is ambiguous.

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
        # Weights with the same path are distinguished by their order, which is possible only if all are trained.
        if name is None or count[name] != len(weights[name[0]]):
            found.append(None)
        else:
            found.append(Slot(weights[name[0]][seen[name]], name[1]))
            seen[name] += 1
    return found


def _named(name: str, weights: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the weight whose path begins an optimizer variable's name, and the rest of the name, or None."""
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
    """Order the optimizer arrays as in a model, whichever layers are trainable in the checkpoint and in the model.

    Args:
        there: The checkpoint's variables by group.
        here: The built model's variables by group.
        arrays: The checkpoint's arrays, which are changed. The arrays of the model group are already in the model's
            order.
        keeps_rate: Whether the optimizer keeps its present learning rate.

    Returns:
        The transferred variables, and the layers without transferred values.

    Raises:
        Different: If the variables do not match. The message names layers that are trainable on only one side.
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
    """The optimizer variables of a checkpoint, matched with those of a model."""

    def __init__(self, there: Mapping[str, Sequence[VariableState]], here: Mapping[str, Sequence[Any]]) -> None:
        self.optimizer = variables.describe(here[OPTIMIZER])
        self._model = variables.describe(here[MODEL])
        self._here = here
        self._there = there.get(OPTIMIZER, [])
        # On both sides, a slot holds the index of its weight in the model.
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
        """Layers that are trainable in the model only."""
        return self._layers(self._trained_here - self._trained_there)

    @cached_property
    def frozen(self) -> list[str]:
        """Layers that are trainable in the checkpoint only."""
        return self._layers(self._trained_there - self._trained_here)

    def sources(self, *, keeps_rate: bool) -> dict[int, int]:
        """Return the index in the checkpoint of each transferred variable, by its index in the model."""
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
        """Return the initial value of an optimizer variable that is not transferred."""
        slot = self._now[index]
        if slot is not None and self._begins_with_the_weight(slot.purpose):
            return arrays[variables.name(MODEL, slot.weight)]
        return np.array(self._here[OPTIMIZER][index])

    def _shared(self, *, keeps_rate: bool) -> dict[int, int]:
        """Return the index in the checkpoint of each variable that belongs to no weight, by its index in the model."""

        def taken(described: Sequence[VariableState], of: Sequence[Slot | None]) -> list[int]:
            mine = (index for index, slot in enumerate(of) if slot is None)
            return [index for index in mine if not (keeps_rate and variables.is_rate(described[index]))]

        there, here = taken(self._there, self._was), taken(self.optimizer, self._now)
        order = variables.places([self._there[index] for index in there], [self.optimizer[index] for index in here])
        return {index: there[place] for index, place in zip(here, order, strict=True)}

    def _begins_with_the_weight(self, purpose: str) -> bool:
        """Return whether the optimizer of this model initializes variables of a purpose with the weights themselves."""
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
