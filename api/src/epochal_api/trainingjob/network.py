"""The network as a list of layers, and the notation of Keras objects.

A layer is a Keras layer: `layer` is its class name in `keras.layers`, and every other key is an argument of that class.
Optimizers, losses, metrics (`name`) and callbacks (`callback`) follow the same rule. See https://keras.io/api/.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from epochal_api.model import PRESERVE, Model, Rule, cel, exactly_one, is_one_set, list_map, matching

ClassName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
LayerName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.\\>-]+$")]
"""Name of a layer. Keras refuses / in it."""
OutputRef = Annotated[
    str, StringConstraints(min_length=1, max_length=132, pattern=r"^[A-Za-z0-9_.\\>-]+(:[0-9]{1,3})?$")
]
"""NAME, the output of a layer, or NAME:N, output N of a layer with several outputs, from 0."""
MODEL_FILE_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f\x7f]+\.(keras|weights\.h5)$"
INPUT = "input"
"""Name of the only input of a network."""
MAX_NAMES = 20
"""Maximum number of names in a message. The number of the others follows."""
MAX_OUTPUTS = 16
"""Maximum number of inputs, and of outputs, of a network."""
MAX_LAYERS = 1000
"""Maximum number of layers of a network."""
_BEFORE_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class KerasObject(Model):
    """A Keras class and the arguments of its constructor."""

    model_config = ConfigDict(extra="allow", json_schema_extra={PRESERVE: True})

    @property
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, as in the document."""
        return dict(self.model_extra or {})


_LAYER_OR_USE = exactly_one("layer", "use")


class Layer(KerasObject):
    """A layer, as its class in keras.layers and the arguments of this class; or another call of a layer above."""

    model_config = ConfigDict(json_schema_extra={PRESERVE: True, **cel(_LAYER_OR_USE)})

    layer: ClassName | None = None
    """Class name in keras.layers, such as Conv2D. Every other key is an argument of that class."""
    use: LayerName | None = None
    """Name of a layer above, which is called again with the same weights, on other inputs. In place of layer."""
    name: LayerName | None = None
    """Name of the layer, to which inputs of later layers may refer."""
    inputs: Annotated[list[OutputRef], Field(min_length=1, max_length=64)] | None = None
    """Names of the layers, or of inputs of the network, whose outputs are the inputs of this layer, as in
    inputs: [conv1, input]. NAME:0, NAME:1, … are the outputs of a layer with several. Default: the layer above."""

    @model_validator(mode="after")
    def _check_use(self) -> Self:
        _LAYER_OR_USE.require(holds=is_one_set(self.layer, self.use))
        if self.use is not None and self.arguments:
            found = f"{', '.join(self.arguments):.100}"
            raise ValueError(f"use takes no arguments, because the layer {self.use} has its own, found {found}")
        return self


class Named(KerasObject):
    """An optimizer, a loss or a metric: its class name and the arguments of this class."""

    name: ClassName
    """Class name, or a short name of Keras."""


class Callback(KerasObject):
    """A callback: its class in keras.callbacks and the arguments of this class."""

    callback: ClassName
    """Class name in keras.callbacks, such as EarlyStopping. Every other key is an argument of that class."""


def _name_to_object(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


NameOrObject = Annotated[Named, BeforeValidator(_name_to_object), WithJsonSchema({PRESERVE: True})]
"""A name alone, or a mapping of `name` and arguments. A structural schema has no type for such alternatives."""


_SIZES = Rule("self.all(size, size != 0)", "must have sizes from 1, or -1 for an axis of any length", ("self",))


def _check_sizes(shape: list[int]) -> list[int]:
    _SIZES.require(holds=0 not in shape, found=str(shape))
    return shape


class Input(Model):
    """Shape and type of a sample."""

    shape: Annotated[
        list[Annotated[int, Field(ge=-1, le=2**31 - 1)]],
        Field(max_length=8, json_schema_extra=cel(_SIZES)),
        AfterValidator(_check_sizes),
    ]
    """Shape of one sample, without the batch axis, such as [28, 28, 1]. -1 is an axis of any length. [] is one value
    for each sample, such as a text."""
    dtype: Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=r"^[a-z0-9]+$")] = "float32"
    """Type of the input: usually float32, an integer type for tokens that enter an Embedding, or string for texts.
    Default: float32."""


class NetworkInput(Input):
    """An input of a network with several inputs."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
    """Name of the input, and of its array in a data set."""


class InitialWeights(Model):
    """Weights of another model, with which the training starts."""

    uri: Annotated[
        str,
        matching(MODEL_FILE_PATTERN, "must be s3://BUCKET/KEY, a .keras or .weights.h5 file", max_length=1024),
    ]
    """A .keras or .weights.h5 file, such as s3://models/base/model.keras. It must be on this job's storage.endpoint,
    and the credentials must be allowed to read it."""
    layers: (
        Annotated[
            list[Annotated[str, StringConstraints(min_length=1, max_length=128)]], Field(min_length=1, max_length=64)
        ]
        | None
    ) = None
    """Names of the layers that get their weights from the file, in which * is any text, such as conv*. Default: all
    layers."""


class Edge(NamedTuple):
    """A tensor that is an input of a layer, or an output of the network.

    Args:
        source: Index in `layers` of the layer whose output is the tensor. Negative for an input of the network: its
            index in `input_list`, counted from the end.
        output: Which output of this layer, from 0; None if the layer must have a single output.
    """

    source: int
    output: int | None = None


_ONE_INPUT = exactly_one("input", "inputs")


class Network(Model):
    """A network as a list of layers, each taking the layer above, or as a graph by `name` and `inputs`."""

    model_config = ConfigDict(json_schema_extra=cel(_ONE_INPUT))

    input: Input | None = None
    """Input of the network, which layers refer to as input."""
    inputs: (
        Annotated[list[NetworkInput], Field(min_length=1, max_length=MAX_OUTPUTS, json_schema_extra=list_map("name"))]
        | None
    ) = None
    """Inputs of a network with several inputs, in place of input."""
    layers: Annotated[list[Layer], Field(min_length=1, max_length=MAX_LAYERS)]
    """The layers, each after the layers whose outputs it takes."""
    outputs: Annotated[list[OutputRef], Field(min_length=1, max_length=MAX_OUTPUTS)] | None = None
    """Names of the layers whose outputs are the outputs of the network, or NAME:N for output N of a layer. Default: the
    last layer."""
    weights: InitialWeights | None = None
    """Weights of another model, with which the training starts. Default: weights drawn by training.seed."""

    @property
    def input_list(self) -> list[NetworkInput]:
        """The inputs of the network in order. A single `input` has the name "input"."""
        if self.inputs is not None:
            return self.inputs
        assert self.input is not None  # noqa: S101 - the model has refused other values
        return [NetworkInput(name=INPUT, shape=self.input.shape, dtype=self.input.dtype)]

    @property
    def layer_names(self) -> list[str]:
        """The names of the layers in order. A layer without a name gets one of its class and index, as in dense_3."""
        names = {layer.name for layer in self.layers} | {item.name for item in self.input_list}
        names |= {output_name(ref) for ref in self.outputs or []}
        result = []
        for index, layer in enumerate(self.layers):
            name = layer.name
            if name is None:
                kind = _BEFORE_CAPITAL.sub("_", layer.layer).lower() if layer.layer else layer.use
                name = f"{kind}_{index}"
                while name in names:
                    name += "_"
            names.add(name)
            result.append(name)
        return result

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs in order: the name of the layer, or NAME_N for NAME:N."""
        return [output_name(ref) for ref in self.outputs] if self.outputs else [self.layer_names[-1]]

    @property
    def input_edges(self) -> list[list[Edge]]:
        """The input tensors of each layer, in the order of `layers`."""
        sources = self._sources
        return [
            [_edge(ref, sources) for ref in layer.inputs] if layer.inputs else [Edge(index - 1)]
            for index, layer in enumerate(self.layers)
        ]

    @property
    def output_edges(self) -> list[Edge]:
        """The tensors that are the outputs of the network, in order."""
        sources = self._sources
        return [_edge(ref, sources) for ref in self.outputs] if self.outputs else [Edge(len(self.layers) - 1)]

    @property
    def _sources(self) -> dict[str, int]:
        count = len(self.input_list)
        inputs = {item.name: index - count for index, item in enumerate(self.input_list)}
        return inputs | {layer.name: index for index, layer in enumerate(self.layers) if layer.name is not None}

    @model_validator(mode="after")
    def _check_graph(self) -> Self:
        _ONE_INPUT.require(holds=is_one_set(self.input, self.inputs))
        names: dict[str, Layer | None] = {}
        for item in self.input_list:
            if item.name in names:
                raise ValueError(f"inputs: another input has the name {item.name!r}: names must be unique")
            names[item.name] = None
        for index, layer in enumerate(self.layers):
            check_references(index, layer, names)
            if layer.name is not None:
                names[layer.name] = layer
        self._check_outputs(names)
        return self

    def _check_outputs(self, names: "dict[str, Layer | None]") -> None:
        seen: set[str] = set()
        for ref in self.outputs or []:
            _require_source(f"outputs contain {ref!r}", ref, names)
            if names[ref.split(":")[0]] is None:
                raise ValueError(f"outputs contain {ref!r}, which is an input: name the layer that gives the output")
            name = output_name(ref)
            if name in seen or (name != ref and name in names):
                raise ValueError(f"outputs contain {ref!r}, but {name!r} also names another output or layer: rename it")
            seen.add(name)


def check_references(index: int, layer: Layer, names: Mapping[str, Layer | None]) -> None:
    """Check the name, the inputs and the `use` of a layer.

    Args:
        index: Index of the layer in the network.
        layer: The layer.
        names: The layers above and the inputs of the network, by name; an input is None.

    Raises:
        ValueError: If the name is taken, or a reference is wrong or missing.
    """
    where = f"layers[{index}] ({layer.layer or f'use: {layer.use}'})"
    for ref in layer.inputs or []:
        _require_source(f"{where}: inputs contain {ref!r}", ref, names)
    if layer.inputs is None and index == 0 and len(names) > 1:
        raise ValueError(f"{where}: inputs are required, because the network has several: {', '.join(names)}")
    if layer.use is not None:
        _check_use(where, layer.use, names)
    if layer.name in names:
        raise ValueError(f"{where}: another layer or input has the name {layer.name!r}: use another name")


def output_name(ref: str) -> str:
    """Return the name of an output of a network, in metrics, data sets and signatures: NAME, or NAME_N for NAME:N."""
    return ref.replace(":", "_")


def _edge(ref: str, sources: dict[str, int]) -> Edge:
    name, _, output = ref.partition(":")
    return Edge(sources[name], int(output) if output else None)


def _require_source(what: str, ref: str, names: Mapping[str, Layer | None]) -> None:
    """Raise ValueError if no layer above and no input has the name in `ref`, or if `ref` is NAME:N of an input.

    `what` is the beginning of the message.
    """
    name, _, output = ref.partition(":")
    if name not in names:
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        raise ValueError(f"{what}, but no layer above has this name, only {sorted(names)[:MAX_NAMES]}{more}")
    if output and names[name] is None:
        raise ValueError(f"{what}, but {name!r} is an input, which has one output: write {name}")


def _check_use(where: str, used: str, names: Mapping[str, Layer | None]) -> None:
    """Raise ValueError if `used` is not the name of a layer above, or if that layer is itself a `use`."""
    _require_source(f"{where}: found use: {used}", used, names)
    layer = names[used]
    if layer is None:
        raise ValueError(f"{where}: must use a layer, found {used!r}, an input of the network: put it into inputs")
    if layer.use is not None:
        raise ValueError(f"{where}: {used!r} is itself a use of {layer.use!r}: write use: {layer.use}")
