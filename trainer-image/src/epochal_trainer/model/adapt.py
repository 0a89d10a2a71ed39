"""Adapts preprocessing layers to the training data before training starts, with Keras' method `adapt`."""

from collections.abc import Sequence
from functools import partial

import keras

from epochal_trainer import backend
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure, bad_data
from epochal_trainer.model import keras_objects
from epochal_trainer.model.graph import Node, input_tensors


def adapt(model: keras.Model, nodes: Sequence[Node], train: Samples, *, loaded: Sequence[str] = ()) -> list[str]:
    """Adapt each preprocessing layer to the training data, and return the names of the adapted layers.

    A layer is not adapted if the spec sets the argument that it would learn, such as `vocabulary`. `loaded` are the
    names of further layers that are not adapted, because their state comes from a file.

    Raises:
        Failure: InvalidData, if a layer cannot learn from these features.
    """
    adapted = []
    for node in nodes:
        argument = keras_objects.adapted_argument(node.kind)
        if node.used is not None or node.name in loaded:
            continue
        if argument is None or node.layer.arguments.get(argument) is not None:
            continue
        layer = model.get_layer(node.name)
        before = keras.Model(model.input, input_tensors(model, node)[0])
        with keras_objects.errors_as(partial(_invalid_data, node, train)):
            backend.current().adapt(layer, before, train.input_arrays)
        adapted.append(node.name)
    return adapted


def _invalid_data(node: Node, train: Samples, message: str) -> Failure:
    sources = ", ".join(array.source for array in train.inputs.values())
    return bad_data("InvalidData", f"{node} cannot adapt to {sources}: {message}")
