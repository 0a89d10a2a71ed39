"""Reads the calls of the layers in a functional Keras model: the tensors that are the inputs of each call."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epochal.importers.keras_model.objects import NotImportable
from epochal.importers.reading import mapping, shown

_TENSOR = "__keras_tensor__"
_MAX_INPUTS = 64
_MASK_OPERATIONS = frozenset({"Any", "NotEqual"})
"""Operations that compute the mask of an Embedding or a Masking layer. They are not imported: Keras adds them again."""
_TENSOR_ARGUMENTS = ("inputs", "query", "value", "key", "sequence", "initial_state")
"""Keyword arguments of a call that pass input tensors, in the order of the layer's inputs."""
_NEUTRAL = frozenset({"mask", "training"})
_HISTORY_PARTS = 3


class Ref(NamedTuple):
    """A reference to a tensor of a functional model: one output of one call of a layer.

    Args:
        layer: Name of the layer.
        call: Index among the calls of this layer, from 0.
        output: Index among the outputs of this call, from 0.
    """

    layer: str
    call: int
    output: int


def ref(value: Any) -> Ref | None:
    """Parse a reference in the notation of Keras, [NAME, CALL, OUTPUT]. Return None if the value has another form."""
    if not isinstance(value, list) or len(value) < _HISTORY_PARTS:
        return None
    name, call, output = value[:_HISTORY_PARTS]
    if not isinstance(name, str) or type(call) is not int or type(output) is not int or call < 0 or output < 0:
        return None
    return Ref(name, call, output)


def refs(value: Any) -> list[Ref]:
    """Parse `input_layers` or `output_layers`: a single reference, a list of references, or a mapping to references.

    The references of a mapping are sorted by their keys, as Keras sorts the tensors of a dict.

    Raises:
        NotImportable: If the value has none of these three forms.
    """
    if (found := ref(value)) is not None:
        return [found]
    values = [value[key] for key in sorted(value)] if isinstance(value, Mapping) else value
    if not isinstance(values, list) or len(values) > _MAX_INPUTS:
        raise NotImportable(f"input_layers and output_layers must be lists of references, found {shown(value)}")
    result = [ref(each) for each in values]
    if any(each is None for each in result):
        raise NotImportable(
            f"input_layers and output_layers must have references [NAME, CALL, OUTPUT], found {shown(value)}"
        )
    return [each for each in result if each is not None]


def output_names(value: Any, outputs: Sequence[Ref]) -> list[str]:
    """Return the name that `compile` uses for each output of the model.

    The names are the keys of `output_layers` if it is a mapping, otherwise the names of the layers.

    Args:
        value: The field `output_layers` of the model.
        outputs: The references in this field.
    """
    if isinstance(value, Mapping):
        return sorted(value)
    names: list[str] = []
    counts: Counter[str] = Counter()
    for name in (each.layer for each in outputs):
        unique = name
        while unique in names:  # Keras 2 adds a number to the later outputs of a layer.
            counts[name] += 1
            unique = f"{name}_{counts[name]}"
        names.append(unique)
    return names


def is_mask_operation(entry: Mapping[str, Any]) -> bool:
    """Return whether the entry of a layer is an operation that only computes a mask.

    Such an entry is not imported, because Keras adds the operation again.
    """
    module = entry.get("module")
    return (
        isinstance(module, str)
        and module.startswith(("keras.src.ops", "keras.ops"))
        and entry.get("class_name") in _MASK_OPERATIONS
    )


def calls(entry: Mapping[str, Any], masks: set[str]) -> list[list[Ref]]:
    """Return a list for each call of a layer: the tensors that are the inputs of this call, in order.

    Args:
        entry: The configuration of the layer, with its `inbound_nodes`.
        masks: Names of the entries for which `is_mask_operation` is true.

    Raises:
        NotImportable: If `inbound_nodes` is malformed, or a call has an argument that a TrainingJob cannot express.
    """
    found = entry.get("inbound_nodes")
    if not isinstance(found, list):
        raise NotImportable(f"inbound_nodes must be a list, found {type(found).__name__}")
    return [_call(each, masks) for each in found]


def _call(node: Any, masks: set[str]) -> list[Ref]:
    if isinstance(node, Mapping):
        tensors = list(_tensors(node.get("args"), depth=0))
        keywords = node.get("kwargs") or {}
        is_legacy = False
    elif isinstance(node, list):  # Keras 1 and 2: [[NAME, CALL, OUTPUT, ARGUMENTS], …]
        nodes = [node] if ref(node) is not None else node
        tensors, keywords, is_legacy = [], {}, True
        for each in nodes:
            if (found := ref(each)) is None:
                raise NotImportable(f"an input of a call must be [NAME, CALL, OUTPUT], found {shown(each)}")
            tensors.append(found)
            if len(each) > _HISTORY_PARTS and isinstance(each[_HISTORY_PARTS], Mapping):
                keywords = {**keywords, **each[_HISTORY_PARTS]}
    else:
        raise NotImportable(f"an item of inbound_nodes must be a mapping or a list, found {type(node).__name__}")
    if not isinstance(keywords, Mapping):
        raise NotImportable(f"kwargs must be a mapping, found {type(keywords).__name__}")
    by_name = {key: list(_keyword(str(key), value, masks, is_legacy=is_legacy)) for key, value in keywords.items()}
    for key in _TENSOR_ARGUMENTS:
        tensors += by_name.get(key, [])
    if not 1 <= len(tensors) <= _MAX_INPUTS:
        raise NotImportable(f"a call must have 1 to {_MAX_INPUTS} inputs, found {len(tensors)}")
    return tensors


def fixed_training(entry: Mapping[str, Any]) -> bool | None:
    """Return the boolean argument `training` of a layer's call in a file of Keras 1 or 2; None if no call has it.

    The argument fixes the mode of the layer: True means training, False means inference.
    """
    found = entry.get("inbound_nodes")
    for node in found if isinstance(found, list) else []:
        for each in [node] if ref(node) is not None else node if isinstance(node, list) else []:
            arguments = each[_HISTORY_PARTS] if isinstance(each, list) and len(each) > _HISTORY_PARTS else None
            if isinstance(value := mapping(arguments).get("training"), int):
                return bool(value)
    return None


def _keyword(name: str, value: Any, masks: set[str], *, is_legacy: bool) -> Iterator[Ref]:
    # Keras 3 stores `training`, but a model gives its layers that of its own call. For Keras 2, see `fixed_training`.
    if value is None or value is False or (name == "training" and (not is_legacy or isinstance(value, int))):
        return
    found = list(_tensors(value, depth=0, is_legacy=is_legacy, allows_values=True))
    if name == "mask" and found and all(each.layer in masks for each in found):
        return
    if not found or name not in _TENSOR_ARGUMENTS:
        raise NotImportable(
            f"a call has the argument {shown(name)}: {shown(value)}, which a TrainingJob cannot express"
        )
    yield from found


def _tensors(value: Any, *, depth: int, is_legacy: bool = False, allows_values: bool = False) -> Iterator[Ref]:
    """Yield the tensors in an argument of a call, also those in nested lists.

    With `is_legacy`, a list [NAME, CALL, OUTPUT] is a tensor too, as in files of Keras 1 and 2.

    Raises:
        NotImportable: If the argument has a value that is no tensor, unless `allows_values` is set.
    """
    if is_legacy and (found := ref(value)) is not None:
        yield found
    elif isinstance(value, Mapping) and value.get("class_name") == _TENSOR:
        found = ref(mapping(value.get("config")).get("keras_history"))
        if found is None:
            raise NotImportable("a tensor must have a keras_history [NAME, CALL, OUTPUT]")
        yield found
    elif isinstance(value, list) and depth <= 2:  # noqa: PLR2004 - the list of arguments, and a list of tensors in it
        for each in value:
            yield from _tensors(each, depth=depth + 1, is_legacy=is_legacy, allows_values=allows_values)
    elif isinstance(value, Mapping) and value.get("class_name") == "__tuple__":
        yield from _tensors(value.get("items"), depth=depth + 1, allows_values=allows_values)
    elif not allows_values and value is not None:
        raise NotImportable(f"a call has the input {shown(value)}, which is no output of a layer")
