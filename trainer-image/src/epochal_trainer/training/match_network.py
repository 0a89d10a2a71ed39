"""Matches data sets to the inputs, outputs and losses of a network."""

import logging

import keras
from epochal_api.trainingjob.spec import TrainingJobSpec

from epochal_trainer.data.arrays import OutputShape, format_shape
from epochal_trainer.data.features import match_features
from epochal_trainer.data.labels import match_labels
from epochal_trainer.data.network_arrays import NetworkArrays
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.weights import check_weights
from epochal_trainer.model.compile import output_names
from epochal_trainer.model.graph import build_nodes
from epochal_trainer.model.indices import check_indices

log = logging.getLogger(__name__)

_TEXT = "string"


class DataMatcher:
    """Checks that data sets fit a network, and converts them to the shapes and types that the network accepts.

    Args:
        spec: The spec of the TrainingJob.
        model: The network as a Keras model.
    """

    def __init__(self, spec: TrainingJobSpec, model: keras.Model) -> None:
        network = spec.network
        self._shapes: dict[str, OutputShape] = {tensor.name: tensor.shape[1:] for tensor in model.inputs}
        self.output_shapes: dict[str, OutputShape] = {
            name: tensor.shape[1:] for name, tensor in zip(output_names(model), model.outputs, strict=True)
        }
        """The shape of each output of the network for one sample, by the name of the output."""
        texts = frozenset(tensor.name for tensor in model.inputs if tensor.dtype == _TEXT)
        self.arrays = NetworkArrays(tuple(self._shapes), tuple(self.output_shapes), texts)
        """The names of the arrays that a data set needs for the network's inputs and outputs."""
        self.outputs = spec.training.output_list(self.arrays.outputs)
        """The outputs of the network with their losses and metrics."""
        self._is_described = network is not None
        self._nodes = build_nodes(network) if network is not None else []
        if network is None:
            self._fields = [f"the input {name!r} of the model" for name in self._shapes]
        elif network.inputs is None:
            self._fields = ["spec.network.input"]
        else:
            self._fields = [f"spec.network.inputs[{index}]" for index, _ in enumerate(network.inputs)]
        self._added_axes: dict[str, tuple[str, str]] = {}

    def match(self, samples: Samples) -> Samples:
        """Return a data set with the shapes and types that the network accepts.

        Raises:
            Failure: If the data set does not fit. The message has the value found and the requirement.
        """
        for index, (field, (name, shape)) in enumerate(zip(self._fields, self._shapes.items(), strict=True)):
            matched = self._match_input(samples.view(input_name=name), shape, field)
            if name not in self.arrays.texts:
                check_indices(matched, self._nodes, index - len(self._shapes))
            samples = samples.update(matched)
        for output in self.outputs:
            ignored = output.loss.arguments.get("ignore_class")
            view = samples.view(output_name=output.name)
            samples = samples.update(match_labels(view, self.output_shapes[output.name], output.loss.name, ignored))
        return check_weights(samples, [*self.output_shapes.values()])

    def _match_input(self, samples: Samples, shape: OutputShape, field: str) -> Samples:
        matched = match_features(samples, shape, field, is_described=self._is_described)
        if matched.features.shape != samples.features.shape:
            found = format_shape(samples.features.shape[1:]) or "a single value"
            self._added_axes[samples.features_source] = (found, format_shape(shape))
        return matched

    def log_added_axes(self) -> None:
        """Log each array of features to which `match` has added a last axis of size 1."""
        for name, (shape, expected) in self._added_axes.items():
            log.info("%s: a sample is %s, and the network takes %s: an axis of 1 is added", name, shape, expected)
