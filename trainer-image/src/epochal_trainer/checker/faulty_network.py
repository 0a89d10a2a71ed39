"""Makes a network with faults in its graph readable, so that Keras can build the layers that the faults leave."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from epochal_api.trainingjob.network import INPUT, Layer, Network, check_references
from pydantic import ValidationError


class ReadableNetwork(NamedTuple):
    """A network in which an Identity layer replaces each layer that cannot be computed.

    Args:
        network: The network, with the index of each layer as in the document, and with the default output.
        replaced: The indices of the layers that have a fault, or depend on a layer with a fault.
        is_changed: Whether the network differs from the document, such as in its outputs.
    """

    network: Network
    replaced: Collection[int] = ()
    is_changed: bool = False


def make_readable(document: Any) -> ReadableNetwork | None:
    """Return the network without the layers that have a wrong type, name or reference; None if its inputs are wrong.

    Args:
        document: The field `network` of a spec, as plain values.
    """
    try:
        return ReadableNetwork(Network.model_validate(document))
    except ValidationError:
        pass
    if not isinstance(document, Mapping):
        return None
    fields = {key: document[key] for key in ("input", "inputs") if key in document}
    given, found = document.get("inputs"), document.get("layers")
    inputs = [INPUT] if given is None else _names(given)
    if not inputs or not isinstance(found, list):
        return None
    counts = Counter(_names(found))
    names: dict[str, Layer | None] = dict.fromkeys(inputs)
    layers, replaced = list[Layer](), set[int]()
    for index, value in enumerate(found):
        try:
            layer = Layer.model_validate(value)
            check_references(index, layer, names)
        except ValueError:
            is_computable = False
        else:
            is_above_computable = layer.inputs is not None or index - 1 not in replaced
            is_computable = is_above_computable and (layer.name is None or counts[layer.name] == 1)
        if not is_computable:
            replaced.add(index)
            layer = Layer(layer="Identity", inputs=[inputs[0]])
        elif layer.name is not None:
            names[layer.name] = layer
        layers.append(layer)
    try:
        network = Network.model_validate({**fields, "layers": layers})
    except ValidationError:  # such as an input with a wrong shape, or too many layers
        return None
    return ReadableNetwork(network, frozenset(replaced), is_changed=True)


def _names(items: Any) -> list[str]:
    """Return the names of inputs or layers, without those that are no text."""
    names = (item.get("name") for item in items if isinstance(item, Mapping)) if isinstance(items, list) else ()
    return [name for name in names if isinstance(name, str)]
