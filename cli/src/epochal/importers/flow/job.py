"""Converts a flow to a TrainingJob: its nodes become spec.data, spec.network and spec.training."""

from collections.abc import Mapping, Sequence
from typing import Any

from epochal.errors import EpochalError
from epochal.importers import losses, optimizers
from epochal.importers.draft import Draft, LayerNames
from epochal.importers.flow import data, training
from epochal.importers.flow.channels import with_channels_last
from epochal.importers.flow.document import Node, read_flow
from epochal.importers.flow.operations import INPUTS, convert_layer
from epochal.importers.losses import find_last_layer
from epochal.importers.reading import shown

_INPUT = "input"
_ENDS = frozenset({training.LOSS, training.METRIC, training.OPTIMIZER})
"""Categories of nodes that are no layers: their output must not be an input of a layer."""
_INPUT_NAME = r"[^A-Za-z0-9_.-]+"
_MAX_INPUT_NAME = 64


def convert_flow(document: Any, *, name: str | None, file: str) -> Draft:
    """Return the Draft of a TrainingJob for a flow.

    Args:
        document: The parsed .nnd file.
        name: Name of the TrainingJob; None for the name of the flow, or else of the file.
        file: Name of the file.

    Raises:
        EpochalError: If the flow is invalid, or has an unknown operation.
    """
    flow = read_flow(document)
    draft = Draft(name or flow.name or file.rpartition(".")[0])
    draft.heading = f"From the flow {shown(flow.name or file)} of the Neural Network Modeler."
    _Flow(flow.nodes, draft).convert()
    return draft


class _Flow:
    """Converts the nodes of a flow, and writes the result into a Draft."""

    def __init__(self, nodes: Mapping[str, Node], draft: Draft) -> None:
        self._nodes = nodes
        self._draft = draft
        self._inputs = [node for node in nodes.values() if node.category == _INPUT]
        self._layers = [node for node in nodes.values() if node.category not in {_INPUT, *_ENDS}]
        self._names = LayerNames(*([_INPUT] if len(self._inputs) == 1 else []))
        self._name_of: dict[str, str] = {}
        self._moved: set[str] = set()
        """Ids of nodes whose output is an image with the channels first in the flow, and last in the TrainingJob."""

    def convert(self) -> None:
        self._check()
        outputs = self._outputs()
        network = self._network(list(outputs))
        spec = self._draft.spec
        data.set_data(self._inputs[0], self._draft)
        for other in self._inputs[1:]:
            self._draft.warn(
                other.label, "a TrainingJob has one data set: add the arrays of this input to that npz file"
            )
        spec["network"] = network
        spec["training"] = self._training(outputs, network["layers"])

    def _check(self) -> None:
        for node in self._inputs:
            if (name := node.op.rpartition(".")[2].lower()) not in INPUTS:
                known = ", ".join(f"input.{each}" for each in sorted(INPUTS))
                raise EpochalError(
                    f"{node.label}: the operation {shown(node.op)} is unknown ({name}); known are {known}"
                )
        if not self._inputs:
            raise EpochalError("the flow has no node for data, such as input.imagedata")
        if not self._layers:
            raise EpochalError("the flow has no layers, only data and training")
        for node in self._layers:
            if not node.sources:
                raise EpochalError(f"{node.label}: it has no link to an input", "Link it, or remove it from the flow.")
            if wrong := next((self._nodes[each] for each in node.sources if self._nodes[each].category in _ENDS), None):
                raise EpochalError(f"{node.label}: its input is the output of {wrong.label}, which is no layer")

    def _outputs(self) -> dict[str, Node | None]:
        """Return the ids of the output layers, each with its loss node; without any loss node, only the last layer."""
        outputs: dict[str, Node | None] = {}
        for node in self._nodes.values():
            if node.category == training.LOSS:
                found = self._source_layers(node)
                if not found:
                    raise EpochalError(f"{node.label}: it has no link to a layer", "Link it to the last layer.")
                for identity in found:
                    if outputs.get(identity) is not None:
                        self._draft.warn(node.label, "the layer has another loss already, so this loss is lost")
                    else:
                        outputs[identity] = node
        if outputs:
            return outputs
        taken = {source for node in self._layers for source in node.sources}
        last = [node for node in self._layers if node.id not in taken]
        self._draft.warn(
            last[-1].label, "the flow has no loss node for this last layer: a loss that suits the layer is used"
        )
        return {last[-1].id: None}

    def _source_layers(self, node: Node) -> list[str]:
        """Return the ids of the layers among the sources of a loss node, which compares their outputs with labels."""
        return [each for each in dict.fromkeys(node.sources) if self._nodes[each].category not in {_INPUT, *_ENDS}]

    def _network(self, outputs: Sequence[str]) -> dict[str, Any]:
        used = self._ancestors(outputs)
        shapes = {node.id: data.input_shape(node, self._draft) for node in self._inputs}
        network: dict[str, Any] = {}
        if len(self._inputs) == 1:
            network["input"] = {"shape": list(shapes[self._inputs[0].id].shape)}
            self._name_of[self._inputs[0].id] = _INPUT
            self._draft.comment("network.input", f"{shown(self._inputs[0].name)}: the shape of a sample.")
        else:
            network["inputs"] = []
            for node in self._inputs:
                unique = self._names.add(node.name[:_MAX_INPUT_NAME], "data", pattern=_INPUT_NAME)[:_MAX_INPUT_NAME]
                self._name_of[node.id] = unique
                network["inputs"].append({"name": unique, "shape": list(shapes[node.id].shape)})
        layers: list[dict[str, Any]] = []
        for node in self._inputs:
            if shapes[node.id].is_channels_first:
                self._add(layers, node, {"layer": "Permute", "dims": [2, 3, 1]}, [self._name_of[node.id]])
                self._draft.comment(f"network.layers[{len(layers) - 1}]", "The channels of the data come first.")
                self._moved.add(node.id)
        classes = {identity: data.class_count(self._inputs[0]) for identity in self._last_dense(outputs)}
        for node in self._layers:
            if node.id not in used:
                self._draft.warn(node.label, "no loss node depends on this layer, so the layer is left out")
                continue
            layer = self._with_channels_last(node, convert_layer(node, self._draft, classes=classes.get(node.id)))
            self._add(layers, node, layer, [self._name_of[each] for each in node.sources])
        network["layers"] = layers
        names = [self._name_of[identity] for identity in outputs]
        if len(names) > 1 or names[0] != layers[-1]["name"]:
            network["outputs"] = names
        return network

    def _with_channels_last(self, node: Node, layer: dict[str, Any]) -> dict[str, Any]:
        """Convert a layer for inputs with the channels last, if its inputs have them first in the flow."""
        moved = self._moved.intersection(node.sources)
        if moved and len(moved) < len(set(node.sources)):
            self._draft.warn(
                node.label,
                "some inputs of this layer have the channels first and others last: check the arguments of the layer",
            )
        elif moved:
            layer, is_image = with_channels_last(layer, node, self._draft)
            self._moved |= {node.id} if is_image else set()
        return layer

    def _add(self, layers: list[dict[str, Any]], node: Node, layer: dict[str, Any], inputs: list[str]) -> None:
        """Append a layer with a unique name, without the field `inputs` if its only input is the layer above."""
        name = self._names.add(node.name, layer["layer"].lower())
        above = layers[-1]["name"] if layers else (_INPUT if len(self._inputs) == 1 else None)
        entry = {
            "layer": layer["layer"],
            "name": name,
            **{key: value for key, value in layer.items() if key != "layer"},
        }
        if inputs != [above]:
            entry["inputs"] = inputs
        path = f"network.layers[{len(layers)}]"
        self._draft.origins[path] = node.label
        if name != node.name:
            self._draft.comment(path, shown(node.name))
        self._name_of[node.id] = name
        layers.append(entry)

    def _ancestors(self, outputs: Sequence[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(outputs)
        while waiting:
            if (identity := waiting.pop()) not in found:
                found.add(identity)
                waiting.extend(self._nodes[identity].sources)
        return found

    def _last_dense(self, outputs: Sequence[str]) -> list[str]:
        """Return for each output the id of the last Dense node: it needs as many units as there are classes."""
        found = []
        for identity in outputs:
            node = self._nodes[identity]
            while node.op.rpartition(".")[2].lower() != "dense" and len(node.sources) == 1:
                node = self._nodes[node.sources[0]]
            found.append(node.id)
        return found

    def _training(self, outputs: Mapping[str, Node | None], layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = dict(data.training_lengths(self._inputs[0], self._draft))
        result["optimizer"] = self._optimizer()
        described = []
        for identity, node in outputs.items():
            last = find_last_layer(layers, self._name_of[identity])
            self._check_classes(identity, last)
            loss = losses.loss_for(last) if node is None else training.convert_loss(node, last, self._draft)
            metrics = training.convert_metrics(self._metrics_of(identity, outputs), loss)
            described.append({"name": self._name_of[identity], "loss": loss, "metrics": metrics})
        if len(described) > 1:
            return {**result, "outputs": described}
        if losses.SPARSE in str(described[0]["loss"]):
            text = "For class indices as labels. For one-hot rows, write CategoricalCrossentropy."
            self._draft.comment("training.loss", text)
        del described[0]["name"]
        return {**result, **described[0]}

    def _metrics_of(self, identity: str, outputs: Mapping[str, Node | None]) -> list[Node]:
        """Return the metric nodes of an output: all if there is one output, else the nodes with a link to it."""
        metrics = [node for node in self._nodes.values() if node.category == training.METRIC]
        if len(outputs) == 1:
            return metrics
        return [node for node in metrics if identity in node.sources]

    def _check_classes(self, identity: str, last: losses.LastLayer) -> None:
        classes = data.class_count(self._inputs[0])
        if classes and last.units and last.units not in {1, classes} and last.activation == "softmax":
            label = self._nodes[identity].label
            self._draft.warn(label, f"the layer has {last.units} outputs, but the data has {classes} classes")

    def _optimizer(self) -> str | dict[str, Any]:
        found = [node for node in self._nodes.values() if node.category == training.OPTIMIZER]
        for other in found[1:]:
            self._draft.warn(other.label, f"the optimizer is {found[0].label}, so this second optimizer is lost")
        if found:
            return training.convert_optimizer(found[0], self._draft)
        self._draft.warn("flow", f"the flow has no optimizer: {optimizers.DEFAULT} is used")
        return optimizers.DEFAULT
