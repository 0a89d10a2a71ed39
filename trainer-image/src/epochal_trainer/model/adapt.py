"""Adapts preprocessing layers to the training data before training starts, as `adapt` does in a script."""

from collections.abc import Sequence
from functools import partial

import keras

from epochal_trainer import backend
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure, bad_data
from epochal_trainer.model import keras_objects
from epochal_trainer.model.graph import Node


def adapt(model: keras.Model, nodes: Sequence[Node], train: Samples) -> list[str]:
    """Adapt the layers for which the spec does not set the learned argument, and return their names.

    Raises:
        Failure: InvalidData, if a layer cannot learn from these features.
    """
    adapted = []
    for node in nodes:
        argument = keras_objects.ADAPTED_ARGUMENTS.get(node.layer.layer)
        if argument is None or node.layer.arguments.get(argument) is not None:
            continue
        layer = model.get_layer(node.name)
        before = keras.Model(model.input, layer.input)
        with keras_objects.errors_as(partial(_invalid_data, node, train)):
            backend.current().adapt(layer, before, train.features)
        adapted.append(node.name)
    return adapted


def _invalid_data(node: Node, train: Samples, message: str) -> Failure:
    return bad_data("InvalidData", f"{node} cannot adapt to {train.features_name}: {message}")
