"""The network of a Keras model as a list of layers. Models within the model are replaced by their layers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.trainingjob.network import INPUT, MAX_LAYERS

from epochal.errors import EpochalError
from epochal.importers.draft import Draft, Names, label_of
from epochal.importers.keras_model.calls import Ref, fixed_training
from epochal.importers.keras_model.functional import INPUT_LAYER, name_of, read_entries, read_functional
from epochal.importers.keras_model.inputs import read_input, sequential_input
from epochal.importers.keras_model.objects import FULL_PRECISION, MODELS, NotImportable, convert_layer
from epochal.importers.reading import shown

_MAX_DEPTH = 20
"""Maximum nesting of models in models."""
_MAX_NAME = 64
"""Maximum characters of the name of an input."""
Path = tuple[str, ...]
"""The names of the models around a layer, and its own name."""


class ImportedNetwork(NamedTuple):
    """A network from a Keras model.

    Args:
        network: The network in the notation of a TrainingJob.
        outputs: The name of each output in the network, by its name in the model, in order.
        precision: The dtype policy of its layers, such as mixed_float16.
        sources: The path of each layer in the model, by its name in the network.
        has_inner_models: Whether the model has models within it.
    """

    network: dict[str, Any]
    outputs: Mapping[str, str]
    precision: str
    sources: Mapping[str, Path]
    has_inner_models: bool


def convert_network(model: Mapping[str, Any], draft: Draft) -> ImportedNetwork:
    """Return the network of a model.

    Args:
        model: The configuration of the model, with class_name and config.
        draft: Gets the warnings, and the labels of the layers.

    Raises:
        EpochalError: If the model has a custom layer, or a part that a TrainingJob cannot express.
    """
    return _Builder(draft).build(model)


class _Builder:
    """The layers of the network while models are read."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._inputs: list[dict[str, Any]] = []
        self._layers: list[dict[str, Any]] = []
        self._names = Names(INPUT)
        self._by_path: dict[Path, dict[str, Any]] = {}
        """The layers by their path. A later call of a layer is a use of the first call."""
        self._with_several_outputs: set[Path] = set()
        self._has_inner_models = False

    def build(self, model: Mapping[str, Any]) -> ImportedNetwork:
        kind = model.get("class_name")
        if not isinstance(kind, str) or kind not in MODELS:
            raise EpochalError(
                f"the model is a {shown(kind)}, a class of its own, whose code is not in the file",
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
        """Add the layers of a model, and return its outputs, and their names in the model.

        Args:
            model: Its configuration.
            inputs: The outputs that it takes; None for the outermost model.
            path: Its own path.
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
            raise NotImportable(f"it takes {len(graph.inputs)} inputs, but is called with {len(inputs)}")
        for name, entry in graph.entries.items():
            if (training := fixed_training(entry)) is not None:
                lost = f"training={training} of its call is lost: the layer follows the mode of the network"
                self._draft.warn(_label((*path, name)), lost)
        known: dict[Ref, str] = dict(zip(graph.inputs, inputs, strict=True))
        for call in graph.calls:
            taken = [_output(known, each) for each in call.inputs]
            for index, output in enumerate(self._call(graph.entries[call.layer], taken, path)):
                known[Ref(call.layer, call.number, index)] = output
        return [_output(known, each) for each in graph.outputs], list(graph.output_names)

    def _add_input(self, value: dict[str, Any]) -> str:
        if any(each["name"] == value["name"] for each in self._inputs) or value["name"] != INPUT:
            value = {**value, "name": self._names.add(value["name"][:_MAX_NAME], "data", pattern=r"[^A-Za-z0-9_.-]+")}
        self._inputs.append(value)
        return str(value["name"])

    def _call(self, entry: Mapping[str, Any], inputs: Sequence[str], path: Path) -> list[str]:
        """Add a call of a layer, or of the layers of a model, and return its outputs."""
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
        if not self._is_above(inputs):
            layer["inputs"] = list(inputs)
        self._draft.origins[f"network.layers[{len(self._layers)}]"] = _label(inner)
        self._layers.append(layer)
        has_several = inner in self._with_several_outputs or bool((first or layer).get("return_state"))
        return [f"{name}:0" if has_several else name]

    def _convert(self, entry: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
        try:
            converted = convert_layer(entry)
        except NotImportable as error:
            raise EpochalError(f"{_label(path)}: {error}", "Such a layer is not importable.") from None
        for key, reason in {**converted.lost, **converted.wrong}.items():
            self._draft.warn(_label(path), f"the argument {shown(key)} is lost: {reason}")
        return {"layer": converted.arguments["layer"], "name": name} | converted.arguments

    def _is_above(self, inputs: Sequence[str]) -> bool:
        """Return whether a layer takes only the layer above, so that it needs no list of inputs."""
        if self._layers:
            return list(inputs) == [self._layers[-1]["name"]]
        return len(self._inputs) == 1 and list(inputs) == [self._inputs[0]["name"]]

    def _set_precision(self, outputs: set[str]) -> str:
        """Return the dtype policy of the layers, and remove it from those that have it without writing it."""
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


def _output(known: dict[Ref, str], each: Ref) -> str:
    """Return the name of an output. The file has no number of outputs, so the first one gives the name of others."""
    if each in known:
        return known[each]
    first = known.get(each._replace(output=0), "")
    if not first.endswith(":0"):
        raise NotImportable(f"its layer {shown(each.layer)} has no output {each.output}")
    return f"{first.removesuffix(':0')}:{each.output}"


def _label(path: Path) -> str:
    return label_of("layer", "/".join(path)) if path else "the model"
