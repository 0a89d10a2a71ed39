"""Adds advice to Keras' errors in the call of a layer, because Keras' own messages only compare shapes."""

import re
from collections.abc import Mapping

_AXES = re.compile(r"expected (?:min_)?ndim=(\d+), found ndim=(\d+)")
_REMEDIES: Mapping[str, str] = {
    "output size would be zero or negative": "use a smaller kernel or pool, padding: same, or fewer such layers",
    "should be called on a list of inputs": "name all its inputs, as in inputs: [NAME, NAME]",
    "Inputs have incompatible shapes": "give its inputs equal shapes, or use Concatenate",
    "axis values": "give its inputs equal sizes in these axes",
    "matching shapes except for the concatenation axis": "put {layer: Flatten} before it on both inputs, or select "
    "another axis",
    "Kernel shape must have the same length as input": "use the class for this number of axes, such as Conv1D for "
    "sequences and Conv2D for images",
    "batch size must be static": "remove stateful, since the batches of spec.network have no fixed size; a model of "
    "spec.model or spec.code can have a fixed batch_shape",
    "index out of range": "an axis in its arguments exceeds the axes of its input: write axis: -1 for the last one",
    "expected axis": "the weights of the layer have the size of its first input: give each call inputs of "
    "equal size, or use another layer with weights of its own",
}
"""Advice by a text that Keras' message contains."""


def add_remedy(message: str) -> str:
    """Return a message of Keras with advice at its end, or the unchanged message if there is no advice for it."""
    if axes := _AXES.search(message):
        expected, found = map(int, axes.groups())
        remedy = "remove a layer such as Flatten before it" if found < expected else "put {layer: Flatten} before it"
        return f"{message.rstrip('.')}; {remedy}, or use the class for this number of axes"
    found_remedy = next((remedy for part, remedy in _REMEDIES.items() if part in message), None)
    return f"{message.rstrip('.')}; {found_remedy}" if found_remedy else message
