"""Converts a Keras model to the list of layers in a TrainingJob. Inner models are replaced by their layers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.trainingjob.network import INPUT, MAX_LAYERS

from epochal.errors import EpochalError
from epochal.importers.draft import Draft, LayerNames, label_of
from epochal.importers.keras_model.calls import Ref, fixed_training
from epochal.importers.keras_model.earlier import is_earlier, with_earlier_defaults
from epochal.importers.keras_model.functional import INPUT_LAYER, name_of, read_entries, read_functional
from epochal.importers.keras_model.inputs import read_input, sequential_input
from epochal.importers.keras_model.objects import FULL_PRECISION, MODELS, NotImportable, convert_layer
from epochal.importers.old_arguments import HARD_SIGMOID, uses_hard_sigmoid
from epochal.importers.reading import shown

_MAX_DEPTH = 20
"""Maximum depth of models within models. A deeper model is refused."""
_MAX_NAME = 64
"""Maximum characters of the name of a network input. A longer name is cut."""
Path = tuple[str, ...]
"""The path of a layer: the names of the inner models that contain it, from the outside, and its own name."""


class ImportedNetwork(NamedTuple):
    """A network from a Keras model.

    Args:
        network: The network in the notation of a TrainingJob.
        outputs: The name of each output in the network, by its name in the Keras model, in order.
        precision: The dtype policy of the layers, such as mixed_float16.
        sources: The path of each layer in the Keras model, by the name of the layer in the network.
        has_inner_models: Whether the Keras model contains other models.
    """

    network: dict[str, Any]
    outputs: Mapping[str, str]
    precision: str
    sources: Mapping[str, Path]
    has_inner_models: bool


def convert_network(model: Mapping[str, Any], draft: Draft) -> ImportedNetwork:
    """Return the network of a TrainingJob for a Keras model.

    Args:
        model: The configuration of the model, with class_name and config.
        draft: Receives the warnings, and the labels of the layers for messages.

    Raises:
        EpochalError: If the model has a custom layer, or a part that a TrainingJob cannot express.
    """
    return _Builder(draft, is_earlier=is_earlier(model)).build(model)


class _Builder:
    """Collects the inputs and layers of the network while it reads a Keras model and its inner models."""

    def __init__(self, draft: Draft, *, is_earlier: bool) -> None:
        self._draft = draft
        self._is_earlier = is_earlier
        self._inputs: list[dict[str, Any]] = []
        self._layers: list[dict[str, Any]] = []
        self._names = LayerNames(INPUT)
        self._by_path: dict[Path, dict[str, Any]] = {}
        """The first call of each layer, by the path of the layer. Later calls refer to it with `use`."""
        self._with_several_outputs: set[Path] = set()
        self._has_inner_models = False

    def build(self, model: Mapping[str, Any]) -> ImportedNetwork:
        kind = model.get("class_name")
        if not isinstance(kind, str) or kind not in MODELS:
            raise EpochalError(
                f"the model is a {shown(kind)}, a custom class, whose code is not in the file",
                "Build it with keras.Sequential or keras.Model(inputs, outputs), or use spec.code.",
            )
        outputs, names = self._add_model(model, None, ())
        if not self._layers:
            raise EpochalError("the model has no layers")
        network: dict[str, Any] = {}
        if len(self._inputs) == 1 and self._inputs[0]["name"] == INPUT:
            network["input"] = {key: value for key, value in self._inputs[0].items() if key != "name"}
        else:
            network["inputs"] = self._inputs
        network["layers"] = self._layers
        if outputs != [self._layers[-1]["name"]]:
            network["outputs"] = outputs
        precision = self._set_precision({output.partition(":")[0] for output in outputs})
        by_name = dict(zip(names, (output.replace(":", "_") for output in outputs), strict=True))
        sources = {layer["name"]: path for path, layer in self._by_path.items()}
        return ImportedNetwork(network, by_name, precision, sources, self._has_inner_models)

    def _add_model(
        self, model: Mapping[str, Any], inputs: Sequence[str] | None, path: Path
    ) -> tuple[list[str], list[str]]:
        """Add the layers of a model to the network. Return the outputs of the model, and their names in the model.

        Args:
            model: The configuration of the model.
            inputs: Names in the network of the model's input tensors; None for the outermost model.
            path: The path of the model; () for the outermost model.
        """
        config = model.get("config")
        try:
            if model["class_name"] == "Sequential":
                return self._add_sequential(config, inputs, path)
            return self._add_functional(config, inputs, path)
        except NotImportable as error:
            raise EpochalError(f"{_label(path)}: {error}", "Such a model is not importable.") from None

    def _add_sequential(self, config: Any, inputs: Sequence[str] | None, path: Path) -> tuple[list[str], list[str]]:
        # In Keras 1, the config is the list of layers.
        entries = read_entries(config.get("layers") if isinstance(config, Mapping) else config)
        current, name = inputs, ""
        for entry in entries:
            if entry["class_name"] == INPUT_LAYER:
                current = current or [self._add_input(read_input(entry, self._draft))]
                continue
            current = current or [self._add_input(sequential_input(config, entry, self._draft))]
            current, name = self._call(entry, current, path), name_of(entry)
        return list(current or []), [name] * len(current or [])

    def _add_functional(self, config: Any, inputs: Sequence[str] | None, path: Path) -> tuple[list[str], list[str]]:
        graph = read_functional(config)
        self._with_several_outputs |= {(*path, name) for name in graph.with_several_outputs}
        if inputs is None:
            inputs = [self._add_input(read_input(graph.entries[each.layer], self._draft)) for each in graph.inputs]
        if len(inputs) != len(graph.inputs):
            raise NotImportable(f"the model has {len(graph.inputs)} inputs, but its call passes {len(inputs)}")
        for name, entry in graph.entries.items():
            if (training := fixed_training(entry)) is not None:
                lost = f"training={training} of its call is lost: the layer uses the mode of the network"
                self._draft.warn(_label((*path, name)), lost)
        known: dict[Ref, str] = dict(zip(graph.inputs, inputs, strict=True))
        for call in graph.calls:
            taken = [_name_of_tensor(known, each) for each in call.inputs]
            for index, output in enumerate(self._call(graph.entries[call.layer], taken, path)):
                known[Ref(call.layer, call.number, index)] = output
        return [_name_of_tensor(known, each) for each in graph.outputs], list(graph.output_names)

    def _add_input(self, value: dict[str, Any]) -> str:
        if any(each["name"] == value["name"] for each in self._inputs) or value["name"] != INPUT:
            value = {**value, "name": self._names.add(value["name"][:_MAX_NAME], "data", pattern=r"[^A-Za-z0-9_.-]+")}
        self._inputs.append(value)
        return str(value["name"])

    def _call(self, entry: Mapping[str, Any], inputs: Sequence[str], path: Path) -> list[str]:
        """Add the call of a layer, or all layers of an inner model, to the network. Return the names of the outputs."""
        inner = (*path, name_of(entry))
        if entry["class_name"] in MODELS:
            self._has_inner_models = True
            if len(inner) > _MAX_DEPTH:
                raise NotImportable(f"models are nested deeper than {_MAX_DEPTH} levels")
            return self._add_model(entry, inputs, inner)[0]
        if len(self._layers) >= MAX_LAYERS:
            raise EpochalError(f"{_label(inner)}: a network has at most {MAX_LAYERS:,} layers")
        first = self._by_path.get(inner)
        name = self._names.add(inner[-1], str(entry["class_name"]).lower())
        layer = {"use": first["name"], "name": name} if first is not None else self._convert(entry, name, inner)
        if first is None:
            self._by_path[inner] = layer
        if not self._needs_no_inputs(inputs):
            layer["inputs"] = list(inputs)
        self._draft.origins[f"network.layers[{len(self._layers)}]"] = _label(inner)
        self._layers.append(layer)
        has_several = inner in self._with_several_outputs or bool((first or layer).get("return_state"))
        return [f"{name}:0" if has_several else name]

    def _convert(self, entry: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
        if self._is_earlier:
            entry = with_earlier_defaults(entry)
            if uses_hard_sigmoid(entry):
                self._draft.warn(_label(path), HARD_SIGMOID)
        try:
            converted = convert_layer(entry)
        except NotImportable as error:
            raise EpochalError(f"{_label(path)}: {error}", "Such a layer is not importable.") from None
        for key, reason in {**converted.lost, **converted.wrong}.items():
            self._draft.warn(_label(path), f"the argument {shown(key)} is lost: {reason}")
        return {"layer": converted.arguments["layer"], "name": name} | converted.arguments

    def _needs_no_inputs(self, inputs: Sequence[str]) -> bool:
        """Return whether the next layer needs no field `inputs`.

        This is the case if its only input is the previous layer or, for the first layer, the only input of the network.
        """
        if self._layers:
            return list(inputs) == [self._layers[-1]["name"]]
        return len(self._inputs) == 1 and list(inputs) == [self._inputs[0]["name"]]

    def _set_precision(self, outputs: set[str]) -> str:
        """Return the dtype policy of the network. Remove `dtype` from each layer that has this dtype by default."""
        policies = [layer.get("dtype") for layer in self._layers]
        precision = next(
            (each for each in policies if isinstance(each, str) and each.startswith("mixed_")), FULL_PRECISION
        )
        for layer in self._layers:
            # The training computes the last layer in float32, unless it has its own dtype.
            is_full_anyway = layer["name"] in outputs and precision != FULL_PRECISION
            if layer.get("dtype") == (FULL_PRECISION if is_full_anyway else precision):
                del layer["dtype"]
        return precision


def _name_of_tensor(known: dict[Ref, str], each: Ref) -> str:
    """Return the name of a tensor in the network.

    `known` may have only the first output of a call, such as NAME:0. A later output is then NAME:1, and so on.
    """
    if each in known:
        return known[each]
    first = known.get(each._replace(output=0), "")
    if not first.endswith(":0"):
        raise NotImportable(f"the layer {shown(each.layer)} has no output {each.output}")
    return f"{first.removesuffix(':0')}:{each.output}"


def _label(path: Path) -> str:
    return label_of("layer", "/".join(path)) if path else "the model"
