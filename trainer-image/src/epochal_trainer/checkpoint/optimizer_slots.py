"""Transfers an optimizer's variables, such as moments, from a checkpoint in which other layers were trainable.

The name of an optimizer variable contains the path of its weight, so variables are matched by weight. Matched by their
order, they would belong to the wrong layers, since a frozen layer has no variables in the optimizer.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from epochal_trainer.checkpoint import variables
from epochal_trainer.checkpoint.state import VariableState
from epochal_trainer.checkpoint.variables import MODEL, OPTIMIZER, VariablesDiffer
from epochal_trainer.data.arrays import Array

_AVERAGE = "average"
"""Purpose of an optimizer's averages of weights. Keras sets them to the weights in the optimizer's very first step."""


class Slot(NamedTuple):
    """The index of the weight that an optimizer variable belongs to, and the variable's purpose, such as velocity."""

    weight: int
    purpose: str


class Transfer(NamedTuple):
    """The optimizer variables transferred from a checkpoint.

    Args:
        described: Descriptions of all optimizer variables of this model. The checkpoint's arrays now have their values.
        unfrozen: Layers that are trainable only in this model: their optimizer variables get initial values.
        frozen: Layers that are trainable only in the checkpoint: their optimizer variables are dropped.
    """

    described: list[VariableState]
    unfrozen: list[str]
    frozen: list[str]


def slots(optimizer: Sequence[VariableState], model: Sequence[VariableState]) -> list[Slot | None]:
    """Return the slot of each optimizer variable; None if no weight, or no single weight, matches."""
    weights: dict[str, list[int]] = defaultdict(list)
    for index, weight in enumerate(model):
        weights[weight.path.replace("/", "_")].append(index)
    names = [_split(variable.path.rsplit("/", 1)[-1], weights) for variable in optimizer]
    count, used_names = Counter(names), Counter[tuple[str, str]]()
    found: list[Slot | None] = []
    for name in names:
        # Weights with the same path are distinguished by their order, which is possible only if all are trained.
        if name is None or count[name] != len(weights[name[0]]):
            found.append(None)
        else:
            found.append(Slot(weights[name[0]][used_names[name]], name[1]))
            used_names[name] += 1
    return found


def _split(name: str, weights: Mapping[str, Any]) -> tuple[str, str] | None:
    """Split an optimizer variable's name into the path of its weight and the purpose; None if no weight matches."""
    weight = max((weight for weight in weights if name.startswith(f"{weight}_")), key=len, default=None)
    return None if weight is None else (weight, name[len(weight) + 1 :])


def reorder(
    stored: Mapping[str, Sequence[VariableState]],
    current: Mapping[str, Sequence[Any]],
    arrays: dict[str, Array],
    *,
    keeps_rate: bool = False,
) -> Transfer:
    """Put the optimizer's arrays of a checkpoint into the order of a model with other trainable layers.

    Args:
        stored: The checkpoint's variables by group.
        current: The built model's variables by group.
        arrays: The checkpoint's arrays, changed in place. The arrays of the group `model` must already be in the order
            of the model.
        keeps_rate: Whether the model keeps its own learning rate, instead of the checkpoint's.

    Raises:
        VariablesDiffer: If the variables do not match. The message names the layers that are trainable
            only in the model, or only in the checkpoint.
    """
    stored_model, stored_optimizer = stored.get(MODEL, []), stored.get(OPTIMIZER, [])
    model, current_optimizer = variables.describe(current[MODEL]), variables.describe(current[OPTIMIZER])
    # On both sides, a slot holds the index of its weight in the model.
    indices = {position: index for index, position in enumerate(variables.stored_indices(stored_model, model))}
    stored_slots = [
        slot and slot._replace(weight=indices[slot.weight]) for slot in slots(stored_optimizer, stored_model)
    ]
    current_slots = slots(current_optimizer, model)
    stored_trained, current_trained = ({slot.weight for slot in side if slot} for side in (stored_slots, current_slots))
    transfer = Transfer(
        current_optimizer,
        _layer_names(model, current_trained - stored_trained),
        _layer_names(model, stored_trained - current_trained),
    )

    def transferable(side: Sequence[VariableState], slots_of_side: Sequence[Slot | None]) -> list[tuple[int, Hashable]]:
        """Return index and key of each optimizer variable of a side, checkpoint or model, that is transferred."""
        shared = [index for index, slot in enumerate(slots_of_side) if slot is None]
        shared = [index for index in shared if not (keeps_rate and variables.is_learning_rate(side[index]))]
        both = current_trained & stored_trained
        by_slot = (
            (index, slot) for index, slot in enumerate(slots_of_side) if slot is not None and slot.weight in both
        )
        return [*zip(shared, variables.keys([side[index] for index in shared]), strict=True), *by_slot]

    sources, targets = transferable(stored_optimizer, stored_slots), transferable(current_optimizer, current_slots)
    try:
        order = variables.match(
            [(key, stored_optimizer[index]) for index, key in sources],
            [(key, current_optimizer[index]) for index, key in targets],
        )
    except VariablesDiffer as error:
        raise VariablesDiffer(f"{error}{_advice(transfer)}") from error
    source_of = {index: sources[position][0] for (index, _), position in zip(targets, order, strict=True)}

    def value(index: int) -> Array:
        if (source := source_of.get(index)) is not None:
            return arrays[variables.array_name(OPTIMIZER, source)]
        slot = current_slots[index]
        if slot is not None and _is_initialized_with_weights(slot.purpose, current_slots, current):
            return arrays[variables.array_name(MODEL, slot.weight)]
        return np.array(current[OPTIMIZER][index])

    arrays.update({variables.array_name(OPTIMIZER, index): value(index) for index in range(len(current_optimizer))})
    return transfer


def _is_initialized_with_weights(
    purpose: str, slots_of_side: Sequence[Slot | None], current: Mapping[str, Sequence[Any]]
) -> bool:
    """Return whether the optimizer initializes its variables of a purpose, such as averages, with the weights."""
    return purpose == _AVERAGE or all(
        np.array_equal(np.array(current[OPTIMIZER][index]), np.array(current[MODEL][slot.weight]))
        for index, slot in enumerate(slots_of_side)
        if slot is not None and slot.purpose == purpose
    )


def _layer_names(model: Sequence[VariableState], weights: set[int]) -> list[str]:
    return list(dict.fromkeys(model[weight].path.split("/")[0] for weight in sorted(weights)))


def _advice(transfer: Transfer) -> str:
    sides = (transfer.unfrozen, "trainable in the model only"), (transfer.frozen, "trainable in the checkpoint only")
    found = [f"{', '.join(layers)} {state}" for layers, state in sides if layers]
    return f" (layers: {'; '.join(found)}; set their `trainable` as in the checkpoint)" if found else ""
