"""The network as a list of layers, and the notation of Keras objects.

A layer is a Keras layer: `layer` is its class name in `keras.layers`, and every other key is an argument of that class.
Optimizers, losses, metrics (`name`) and callbacks (`callback`) follow the same rule. See https://keras.io/api/.
"""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from epochal_api.model import PRESERVE, Model

ClassName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
LayerName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.\\/>-]+$")]
INPUT = "input"
MAX_NAMES = 20
"""Maximum number of names in a message."""


class KerasObject(Model):
    """A Keras class and the arguments of its constructor."""

    model_config = ConfigDict(extra="allow", json_schema_extra={PRESERVE: True})

    @property
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, as written."""
        return dict(self.model_extra or {})


class Layer(KerasObject):
    """A layer: its class in keras.layers and the arguments of this class."""

    layer: ClassName
    """Class name in keras.layers, such as Conv2D. Every other key is an argument of that class."""
    name: LayerName | None = None
    """Name of the layer, to which inputs of later layers may refer."""
    inputs: Annotated[list[LayerName], Field(min_length=1, max_length=64)] | None = None
    """Names of the layers whose outputs are the inputs of this layer; "input" is the input of the network, as in
    inputs: [conv1, input]. Default: the layer above."""


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


class Input(Model):
    """Shape and type of a sample."""

    shape: Annotated[list[Annotated[int, Field(ge=1, le=2**31 - 1)]], Field(min_length=1, max_length=8)]
    """Shape of one sample, without the batch axis, such as [28, 28, 1]."""
    dtype: Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=r"^[a-z0-9]+$")] = "float32"
    """Type of the network's input: usually float32, or an integer type for tokens that enter an Embedding. Default:
    float32."""


class Network(Model):
    """A network as a list of layers, each taking the layer above, or as a graph by `name` and `inputs`."""

    input: Input
    """Input of the network."""
    layers: Annotated[list[Layer], Field(min_length=1, max_length=1000)]
    """The layers, each after the layers whose outputs it takes. The last one is the network's output."""

    @model_validator(mode="after")
    def _check_inputs(self) -> Self:
        names = {INPUT}
        for index, layer in enumerate(self.layers):
            where = f"layers[{index}] ({layer.layer})"
            for name in layer.inputs or []:
                if name not in names:
                    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
                    raise ValueError(
                        f"{where}: inputs contain {name!r}, but no layer above has this name, only "
                        f"{sorted(names)[:MAX_NAMES]}{more}"
                    )
            if layer.name is not None:
                if layer.name in names:
                    raise ValueError(f"{where}: another layer has the name {layer.name!r}: names must be unique")
                names.add(layer.name)
        return self
