"""Loads a saved Keras model, to train it further."""

from collections.abc import Sequence
from pathlib import Path

import keras
from epochal_api.trainingjob.network_source import SavedModel
from epochal_api.trainingjob.training import Training

from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.model.compile import optimizer_slots
from epochal_trainer.model.footprint import Footprint, FreeMemory
from epochal_trainer.model.keras_file import KerasFile
from epochal_trainer.model.layer_names import match_names, named_layers
from epochal_trainer.model.plain_model import plain_model

_CODE_REMEDY = "replace this layer by others, or build the network with spec.code"


def load(
    source: SavedModel, path: Path, *, seed: int, memory: FreeMemory, training: Training, keeps_best: bool
) -> keras.Model:
    """Return the model in a file as `plain_model` converts it, with the layers of spec.model.freeze frozen.

    Args:
        source: spec.model.
        path: A local copy of the file, whose name ends with .keras.
        seed: Seed of all later random numbers.
        memory: The free memory. A model whose training needs more is refused before memory is allocated for it.
        training: spec.training, with the optimizer and callbacks that need memory.
        keeps_best: Whether the weights of the best epoch are kept in memory for best.keras.

    Raises:
        Failure: InvalidNetwork, if Keras cannot load the file, the file contains code, a pattern of spec.model.freeze
            matches no layer, or the training needs too much memory. OutOfMemory, if memory is short only because of
            other processes.
    """

    def invalid(message: str) -> Failure:
        return bad_spec("InvalidNetwork", f"spec.model.uri: {source.uri}: {message}")

    file = KerasFile(path, invalid, remedy=_CODE_REMEDY)
    sketch, size = file.sketch()
    sketch = plain_model(sketch, invalid)
    _freeze(sketch, source.freeze or ())
    footprint = Footprint.estimate(sketch, training, slots=optimizer_slots(training), keeps_best=keeps_best)
    found = f"spec.model.uri: {source.uri} has {sketch.count_params():,} parameters"
    # While Keras loads the file, its weights are in memory beside those of the model.
    memory.require(footprint, found, temporary={"the file": size})
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    model = plain_model(file.load(), invalid)
    _freeze(model, source.freeze or ())
    return model


def _freeze(model: keras.Model, patterns: Sequence[str]) -> None:
    """Set `trainable` to False for all layers whose names match a pattern, also for layers nested in other layers.

    Raises:
        Failure: InvalidNetwork, if a pattern matches no layer.
    """
    layers = named_layers(model)
    for name in match_names(patterns, list(layers), field="spec.model.freeze", owner="the model"):
        for layer in layers[name]:
            layer.trainable = False
