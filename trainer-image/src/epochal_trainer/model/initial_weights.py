"""Loads the weights of another model into a network, before its training starts."""

import re
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
from epochal_api.trainingjob.network import InitialWeights

from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.model import keras_file, learned_layer_state
from epochal_trainer.model.footprint import Footprint, FreeMemory
from epochal_trainer.model.keras_file import KerasFile, arrays_size, damage_as
from epochal_trainer.model.keras_objects import adapted_argument, did_you_mean, errors_as
from epochal_trainer.model.layer_names import list_names, match_names, named_layers
from epochal_trainer.model.plain_model import Invalid, layers_of

FIELD = "spec.network.weights"
_CODE_REMEDY = "save the weights of its other layers as .weights.h5"
_ADVICE = f"change the layer, or leave it out of {FIELD}.layers"
_MAX_SHAPES = 8
"""Maximum number of a layer's weight shapes in a message. `…` stands for the others."""
_WRONG_SHAPE = re.compile(
    r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))\. Target variable: <Variable path=(.*?), shape"
)
_WRONG_COUNT = re.compile(r"(Layer '.*' expected \d+ variables, but received \d+) variables during loading")
"""Keras' messages, after _WRONG_SHAPE about a weight of another shape, here about another number of weights."""


def load(model: keras.Model, weights: InitialWeights, path: Path, *, memory: FreeMemory, seed: int) -> list[str]:
    """Load initial weights from a file into a network, and return the names of the loaded layers that need no `adapt`.

    Args:
        model: The network.
        weights: spec.network.weights: the URI of the file, and patterns for the names of the layers to load.
        path: A local copy of the file, with the same suffix.
        memory: The free memory before the network was built.
        seed: Seed of all later random numbers.

    Raises:
        Failure: InvalidNetwork, if a pattern matches no layer of the network, if Keras cannot load the file, if a layer
            has other shapes in the file, or if the file needs too much memory. OutOfMemory, if memory is short only
            because of other processes.
    """

    def invalid(message: str) -> Failure:
        return bad_spec("InvalidNetwork", f"{FIELD}: {weights.uri}: {message}")

    is_keras = path.suffix == keras_file.SUFFIX
    layers = _choose(model, weights.layers, learns=is_keras)
    loaded = (
        _load_keras(model, layers, path, memory, invalid)
        if is_keras
        else _load_h5(model, layers, path, memory, invalid)
    )
    for layer in layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes mean and variance from its variables
    keras.utils.set_random_seed(seed)  # Keras draws weights for the model in a .keras file before it reads them.
    return loaded


def _choose(model: keras.Model, patterns: Sequence[str] | None, *, learns: bool) -> list[keras.layers.Layer]:
    """Return the layers with weights whose names match a pattern; without patterns, all layers with weights.

    With `learns`, also layers without weights that learn from data by `adapt`, such as a vocabulary.
    """
    layers = {
        layer.name: layer
        for layer in layers_of(model)
        if layer.weights or (learns and adapted_argument(type(layer).__name__))
    }
    if patterns is None:
        return list(layers.values())
    field, kind = f"{FIELD}.layers", "layer with weights"
    names = match_names(patterns, list(layers), field=field, owner="the network", kind=kind)
    return [layers[name] for name in names]


def _load_keras(
    model: keras.Model, layers: Sequence[keras.layers.Layer], path: Path, memory: FreeMemory, invalid: Invalid
) -> list[str]:
    """Copy each layer from the layer of the same name in a .keras file; return the names that need no `adapt`."""
    file = KerasFile(path, invalid, remedy=_CODE_REMEDY)
    sketch, size = file.sketch()
    if not isinstance(sketch, keras.Model):
        raise invalid(f"must be a keras.Model, found {type(sketch).__name__}")
    _check_layers(layers, _sources(sketch), invalid)
    _require_memory(memory, [*model.variables, *sketch.variables], size, invalid)
    sources, loaded = _sources(file.load()), []
    for layer in layers:
        (source,) = sources[layer.name]
        with errors_as(partial(_does_not_fit, invalid, layer.name)):
            layer.set_weights(source.get_weights())
            if learned_layer_state.copy(source, layer):
                loaded.append(layer.name)
    return loaded


def _sources(model: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Return the layers of the model in a file by name.

    A name has the model's own layer of this name, if there is one. Else it has all layers of this name that are nested
    in other layers.
    """
    return named_layers(model) | {layer.name: [layer] for layer in layers_of(model)}


def _check_layers(
    layers: Sequence[keras.layers.Layer], sources: Mapping[str, Sequence[keras.layers.Layer]], invalid: Invalid
) -> None:
    """Raise a Failure unless the file has each layer of the network once, with the same class and weight shapes."""
    for layer in layers:
        if (found_layers := sources.get(layer.name)) is None:
            found = f"the file has no layer {layer.name!r}, only {list_names(list(sources))}"
            hint = did_you_mean(layer.name, list(sources))
            advice = f"give the layer the name that it has in the file, or leave it out of {FIELD}.layers"
            raise invalid(f"{found}: {advice}{hint}")
        if len(found_layers) > 1:
            found = f"the file has {len(found_layers)} layers with the name {layer.name!r} within others, expected one"
            raise invalid(f"{found}: save the model with different names, or leave the layer out of {FIELD}.layers")
        (source,) = found_layers
        if type(source) is not type(layer):
            found = (
                f"the layer {layer.name!r} of the file is a {type(source).__name__}, but the layer of the network is a"
            )
            raise invalid(f"{found} {type(layer).__name__}: rename the layer, or leave it out of {FIELD}.layers")
        has, needs = ([tuple(weight.shape) for weight in each.weights] for each in (source, layer))
        if has != needs:
            found = f"the layer {layer.name!r} of the file has weights of the shapes {_list_shapes(has)}"
            raise invalid(f"{found}, but the layer of the network has {_list_shapes(needs)}: {_ADVICE}")


def _does_not_fit(invalid: Invalid, name: str, message: str) -> Failure:
    return invalid(f"the layer {name!r} of the file does not fit: {message}: {_ADVICE}")


def _list_shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    more = ", …" if len(shapes) > _MAX_SHAPES else ""
    return ", ".join(map(str, shapes[:_MAX_SHAPES])) + more or "none"


def _load_h5(
    model: keras.Model, layers: Sequence[keras.layers.Layer], path: Path, memory: FreeMemory, invalid: Invalid
) -> list[str]:
    """Load the layers from a .weights.h5 file, where Keras finds a layer by class and order; return their names."""
    with damage_as(lambda found: invalid(f"it is no .weights.h5 file ({found})")):
        size = arrays_size(path)
    _require_memory(memory, model.variables, size, invalid)
    chosen = set(map(id, layers))
    others = [layer for layer in model.layers if id(layer) not in chosen]
    with warnings.catch_warnings(record=True) as found, damage_as(lambda error: invalid(f"it is damaged ({error})")):
        warnings.simplefilter("always")
        with errors_as(lambda message: invalid(_explain_h5(message))):
            model.load_weights(path, objects_to_skip=others)
    # Keras only warns of layers within others that an old file lacks.
    if skipped := next((str(each.message) for each in found if str(each.message).startswith("Skipping")), None):
        raise invalid(skipped)
    return [layer.name for layer in layers]


def _explain_h5(message: str) -> str:
    """Return a short message with the layer and the shapes, for Keras' message, which includes values of weights."""
    if shapes := _WRONG_SHAPE.search(message):
        name, _, variable = shapes[3].partition("/")
        found = f"the weights of the layer {name!r} in the file have the shape {shapes[2]} ({variable})"
        return f"{found}, but the network has {shapes[1]}: {_ADVICE}"
    if count := _WRONG_COUNT.search(message):
        return f"{count[1]}: the file must come from a network with the same layers in the same order. Or {_ADVICE}"
    return message


def _require_memory(memory: FreeMemory, variables: Sequence[Any], size: int, invalid: Invalid) -> None:
    """Raise a Failure unless the file's content (`size` bytes) and the `variables` fit into the memory together."""
    try:
        memory.require(Footprint.of_variables(variables), "the file is too large", temporary={"the file": size})
    except Failure as failure:
        raise Failure(failure.reason, invalid(failure.message).message, failure.exit_code) from failure
