"""Chooses layers of a model by name patterns of the spec, and lists the names of layers in messages."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import keras

from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.model.keras_objects import did_you_mean

_MAX_SHOWN = 20
"""Maximum number of layer names in a message. The number of the others follows."""


def named_layers(model: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Return the layers of a model by name, also layers nested in other layers, but no InputLayers.

    A name has several layers if layers of the same name are nested in different layers.
    """
    layers: dict[str, list[keras.layers.Layer]] = {}
    # By id, because a layer may be within several layers. Keras has no public way to the inner layers.
    distinct = {id(layer): layer for layer in model._flatten_layers(include_self=False)}  # noqa: SLF001
    for layer in distinct.values():
        if not isinstance(layer, keras.layers.InputLayer):
            layers.setdefault(layer.name, []).append(layer)
    return layers


def match_names(
    patterns: Sequence[str], names: Sequence[str], *, field: str, owner: str, kind: str = "layer"
) -> list[str]:
    """Return the names that match at least one pattern, in the order of `names`.

    Args:
        patterns: Patterns for names, as in fnmatch: * stands for any text.
        names: Names of layers.
        field: The field of the spec with the patterns, for the message.
        owner: The owner of the layers, for the message, such as "the model".
        kind: The kind of the layers, for the message.

    Raises:
        Failure: InvalidNetwork, if a pattern matches no name. The message lists the names.
    """
    matched = set()
    for index, pattern in enumerate(patterns):
        matches = {name for name in names if fnmatchcase(name, pattern)}
        if not matches:
            found = f"no {kind} has the name {pattern!r}, {owner} has {list_names(names)}"
            raise bad_spec("InvalidNetwork", f"{field}[{index}]: {found}{did_you_mean(pattern, names)}")
        matched |= matches
    return [name for name in names if name in matched]


def list_names(names: Sequence[str]) -> str:
    """Return names of layers as text for a message: at most 20 names, and the number of further names."""
    more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
    return f"{', '.join(names[:_MAX_SHOWN])}{more}" or "none"
