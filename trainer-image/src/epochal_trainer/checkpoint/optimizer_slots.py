"""The optimizer's variables for each trained weight, such as moments, if other layers are trainable than before.

An optimizer variable contains the path of its weight in its name. So it is matched by its weight, whichever other
layers are frozen. Matched by their own order, the variables would belong to the wrong layers.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
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
    names = [_split(variable.path.rsplit("/", 1)[-1], weights) for variable in optimizer]
    count, seen = Counter(names), Counter[tuple[str, str]]()
    found: list[Slot | None] = []
    for name in names:
        # Weights with the same path are distinguished by their order, which is possible only if all are trained.
        if name is None or count[name] != len(weights[name[0]]):
            found.append(None)
        else:
            found.append(Slot(weights[name[0]][seen[name]], name[1]))
            seen[name] += 1
    return found


def _split(name: str, weights: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the weight whose path begins an optimizer variable's name, and the rest of the name, or None."""
    weight = max((weight for weight in weights if name.startswith(f"{weight}_")), key=len, default=None)
    return None if weight is None else (weight, name[len(weight) + 1 :])


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
    before, now, model = there.get(OPTIMIZER, []), variables.describe(here[OPTIMIZER]), variables.describe(here[MODEL])
    # On both sides, a slot holds the index of its weight in the model.
    places = {place: index for index, place in enumerate(variables.places(there.get(MODEL, []), model))}
    slots_there = [slot and slot._replace(weight=places[slot.weight]) for slot in slots(before, there.get(MODEL, []))]
    slots_here = slots(now, model)
    trained_there, trained_here = ({slot.weight for slot in side if slot} for side in (slots_there, slots_here))
    carried = Carried(now, _layers(model, trained_here - trained_there), _layers(model, trained_there - trained_here))

    def transferable(side: Sequence[VariableState], of: Sequence[Slot | None]) -> list[tuple[int, Hashable]]:
        """Return the index and the key of each variable that is transferred."""
        shared = [index for index, slot in enumerate(of) if slot is None]
        shared = [index for index in shared if not (keeps_rate and variables.is_rate(side[index]))]
        both = trained_here & trained_there
        kept = ((index, slot) for index, slot in enumerate(of) if slot is not None and slot.weight in both)
        return [*zip(shared, variables.keys([side[index] for index in shared]), strict=True), *kept]

    sources, targets = transferable(before, slots_there), transferable(now, slots_here)
    try:
        order = variables.match(
            [(key, before[index]) for index, key in sources], [(key, now[index]) for index, key in targets]
        )
    except Different as error:
        raise Different(f"{error}{_advice(carried)}") from error
    source_of = {index: sources[place][0] for (index, _), place in zip(targets, order, strict=True)}

    def value(index: int) -> Array:
        if (source := source_of.get(index)) is not None:
            return arrays[variables.name(OPTIMIZER, source)]
        slot = slots_here[index]
        if slot is not None and _begins_with_the_weight(slot.purpose, slots_here, here):
            return arrays[variables.name(MODEL, slot.weight)]
        return np.array(here[OPTIMIZER][index])

    arrays.update({variables.name(OPTIMIZER, index): value(index) for index in range(len(now))})
    return carried


def _begins_with_the_weight(purpose: str, of: Sequence[Slot | None], here: Mapping[str, Sequence[Any]]) -> bool:
    """Return whether the optimizer of a model initializes variables of a purpose with the weights themselves."""
    return purpose == _AVERAGE or all(
        np.array_equal(np.array(here[OPTIMIZER][index]), np.array(here[MODEL][slot.weight]))
        for index, slot in enumerate(of)
        if slot is not None and slot.purpose == purpose
    )


def _layers(model: Sequence[VariableState], weights: set[int]) -> list[str]:
    return list(dict.fromkeys(model[weight].path.split("/")[0] for weight in sorted(weights)))


def _advice(carried: Carried) -> str:
    sides = (carried.anew, "trainable here and not there"), (carried.frozen, "trainable there and not here")
    found = [f"{', '.join(layers)} {are}" for layers, are in sides if layers]
    return f" (layers: {'; '.join(found)}; give them the `trainable` that they had there)" if found else ""
