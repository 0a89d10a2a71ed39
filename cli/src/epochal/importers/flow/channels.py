"""Converts layers of images with the channels first to layers of the same images with the channels last."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal_api.catalogue.classes import LAYERS, catalogue

from epochal.importers.draft import Draft
from epochal.importers.flow.document import Node
from epochal.importers.old_arguments import without_defaults

_AXES: Mapping[int, int] = {1: -1, 2: 1, 3: 2, -3: -1, -2: 1}
"""Axes of a batch of images: with the channels first, and with the channels last."""
_ELEMENTWISE = frozenset(
    {
        "ActivityRegularization",
        "Activation",
        "Add",
        "AlphaDropout",
        "Average",
        "Dropout",
        "ELU",
        "GaussianDropout",
        "GaussianNoise",
        "Identity",
        "LeakyReLU",
        "Maximum",
        "Minimum",
        "Multiply",
        "PReLU",
        "ReLU",
        "Rescaling",
        "Subtract",
    }
)
"""Layers that compute the same values for each order of the axes."""


class ChannelsLastLayer(NamedTuple):
    """A layer of a flow, converted for images with the channels last.

    Args:
        layer: The layer in the notation of a TrainingJob.
        is_image: Whether its output is an image with the channels last, too.
    """

    layer: dict[str, Any]
    is_image: bool


def with_channels_last(layer: Mapping[str, Any], node: Node, draft: Draft) -> ChannelsLastLayer:
    """Convert a layer whose inputs are images with the channels first in the flow, and last in the TrainingJob.

    Args:
        layer: The layer of the node, with the axes of the flow.
        node: The node.
        draft: Gets a warning if the layer may compute other values.
    """
    name = str(layer["layer"])
    found = catalogue().modules[LAYERS].find(name)
    known = found.arguments if found else {}
    result = {key: value for key, value in layer.items() if key != "data_format"}
    if "axis" in known:
        axis = result.get("axis", -1)
        if (moved := _AXES.get(axis) if isinstance(axis, int) else None) is None:
            draft.warn(node.label, f"axis is {axis} with the channels first: the axis of the channels is used")
        result["axis"] = -1 if moved is None else moved
    if isinstance(axes := result.get("shared_axes"), list) and all(axis in _AXES for axis in axes):
        result["shared_axes"] = [_AXES[axis] % 4 for axis in axes]
    is_known = name in _ELEMENTWISE or bool({"axis", "data_format"} & known.keys())
    if not is_known or result.get("activation") == "softmax":
        draft.warn(
            node.label,
            f"the channels of its input are last in the TrainingJob, so this {name} may compute other values",
        )
    is_image = is_known and name != "Flatten" and not name.startswith("Global")
    return ChannelsLastLayer(without_defaults(result, known), is_image)
