"""A call of a Keras layer during an export: it checks the arguments, and collects the code of the layer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from epochal_api.catalogue.classes import LAYERS, KerasClass, catalogue
from epochal_api.text import printable

from epochal.errors import EpochalError
from epochal.exporters.support import no_counterpart
from epochal.exporters.tensors import Shape, Tensor

IGNORED = frozenset({"name", "trainable", "seed", "autocast", "use_cudnn", "unroll", "flash_attention", "synchronized"})
"""Arguments without an effect on the outputs, or which `LayerCode` handles for all layers."""


@dataclass(frozen=True)
class WeightConversion:
    """How to convert the weights of a layer from Keras to torch.

    Args:
        names: Variable names for the arrays of `layer.get_weights()`, in their order.
        values: Code of each torch weight, by its name within the layer. The code uses the variables.
    """

    names: Sequence[str]
    values: Mapping[str, str]


@dataclass
class LayerCode:
    """The generated code of a torch layer, without its calls. For a wrapper, it is the code of the inner layer.

    Args:
        kind: The class of the layer in keras.layers.
        trainable: Whether its weights are trained: the argument `trainable` of the spec.
        constructor: Code that constructs the torch module, such as nn.Linear(784, 10); None if the layer is a function.
        weights: How to convert its weights; None for a layer without weights.
        arrays: Code of torch weights that are attributes of the Keras layer `layer`, by name within the torch layer.
        initializers: Lines that initialize weights, with the placeholder {layer}.
        penalties: Weights with regularizers: the name within the layer, and the regularizer.
        fixed: Names of parameters within the layer that exist in torch only. They are not trained.
        adapts: Whether the layer learns from the training samples before the training (`adapt`).
    """

    kind: str
    trainable: bool = True
    constructor: str | None = None
    weights: WeightConversion | None = None
    arrays: dict[str, str] = field(default_factory=dict)
    initializers: list[str] = field(default_factory=list)
    penalties: list[tuple[str, Any]] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    adapts: bool = False


class Call:
    """A call of a Keras layer on tensors. An exporter's function for the layer's class reads arguments and sets code.

    Args:
        where: The layer's place in the spec, for messages.
        kind: Class of the layer in keras.layers.
        arguments: Arguments of the layer in the spec.
        inputs: The input tensors.
        attribute: Code of the layer in the target, such as self.conv1.
        helpers: Names of the helpers that the generated module needs. Functions for layers add names.
        write: Writes the code for the call of an inner layer, and returns its outputs.
        target: The target of the export, for messages.
    """

    def __init__(
        self,
        where: str,
        kind: str,
        *,
        arguments: Mapping[str, Any],
        inputs: Sequence[Tensor],
        attribute: str,
        helpers: set[str],
        write: "Callable[[Call], Sequence[Tensor]]",
        target: str = "torch",
    ) -> None:
        self.where = where
        found = catalogue().modules[LAYERS].find(kind)
        if found is None or found.refused:
            raise EpochalError(f"{where}: a TrainingJob has no such layer", "Run epochal check with the file.")
        self.kind = catalogue().modules[LAYERS].classes[kind].alias or kind
        self._class: KerasClass = found
        self._given = dict(arguments)
        self._read: set[str] = set()
        self.inputs = list(inputs)
        self.attribute = attribute
        self.helpers = helpers
        self.code = LayerCode(self.kind, trainable=arguments.get("trainable") is not False)
        self._write = write
        self._target = target

    @property
    def input(self) -> Tensor:
        """The single input tensor. An EpochalError is raised if the call has several inputs."""
        if len(self.inputs) != 1:
            self.fail(f"the layer takes one input, found {len(self.inputs)}")
        return self.inputs[0]

    def __getitem__(self, key: str) -> Any:
        """Return an argument as in the spec, or its default in Keras."""
        self._read.add(key)
        if key in self._given:
            return self._given[key]
        argument = self._class.arguments.get(key)
        return argument.default if argument else None

    def integer(self, key: str, least: int = 1) -> int:
        """Return an argument of the layer, which must be an integer of at least `least`."""
        value = self[key]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.fail(f"{key} must be an integer from {least}, found {value!r:.40}")
        return value

    def number(self, key: str) -> float:
        """Return an argument of the layer, which must be a number."""
        value = self[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(f"{key} must be a number, found {value!r:.40}")
        return value

    def flag(self, key: str) -> bool:
        """Return an argument of the layer, which must be true or false."""
        value = self[key]
        if not isinstance(value, bool):
            self.fail(f"{key} must be true or false, found {value!r:.40}")
        return value

    def choice(self, key: str, *choices: Any) -> Any:
        """Return an argument of the layer. Only the values in `choices` have a counterpart in the target."""
        value = self[key]
        if value not in choices:
            self.no_counterpart(f"{key}: {value!r:.40}")
        return value

    def off(self, key: str) -> None:
        """Raise an error if an argument is set to another value than false: the target has no counterpart."""
        value = self[key]
        if value is not None and value is not False:
            self.no_counterpart(f"{key}: {value!r:.40}")

    def sizes(self, key: str, count: int, least: int = 1) -> tuple[int, ...]:
        """Return an argument as `count` sizes, one for each axis. In the spec it may be one size for all axes."""
        value = self[key]
        sizes = [value] * count if isinstance(value, int) else value
        if not isinstance(sizes, list | tuple) or (len(sizes) not in {1, count}):
            self.fail(f"{key} must be an integer or {count} integers, found {value!r:.40}")
        if not all(isinstance(size, int) and not isinstance(size, bool) and size >= least for size in sizes):
            self.fail(f"{key} must have integers from {least}, found {value!r:.40}")
        return tuple(sizes) if len(sizes) == count else tuple(sizes) * count

    def axis(self, tensor: Tensor | None = None) -> int:
        """Return the argument `axis` as a number from 1: it must be one axis, and not the batch axis 0."""
        value, rank = self["axis"], (tensor or self.inputs[0]).rank
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, int) or not -rank <= value < rank or value % rank == 0:
            self.fail(f"axis must be an axis of its input except the batch axis, found {value!r:.40}")
        return value % rank

    def ignore(self, *keys: str) -> None:
        """Mark arguments as handled, because they have no effect in the target, so that `finish` accepts them."""
        self._read.update(keys)

    def ignore_training(self) -> None:
        """Mark initializers, regularizers and constraints as handled, for a target that only runs a trained network."""
        ends = ("_initializer", "_regularizer", "_constraint")
        self._read.update(key for key in self._class.arguments if key.endswith(ends))

    def size_of(self, tensor: Tensor, axis: int = -1) -> int:
        """Return the size of an axis of a tensor, without the batch axis. An axis of unknown size raises an error."""
        if not tensor.shape:
            self.fail("the input of the layer needs an axis beside the batch axis")
        found = tensor.shape[axis]
        if found is None:
            self.fail(f"the input of the layer has the shape {list(tensor.shape)}: axis {axis} must have a known size")
        return found

    def module(self, code: str) -> str:
        """Set the code that constructs the torch module, and return the code of the layer, such as self.conv1."""
        self.code.constructor = code
        return self.attribute

    def weights(self, names: Sequence[str], values: Mapping[str, str]) -> None:
        """Set the conversion of the layer's weights: variables for Keras' arrays, and the code of each torch weight."""
        self.code.weights = WeightConversion(names, values)

    def result(self, code: str, shape: Sequence[int | None], *, channels_first: bool = False) -> Tensor:
        """Return an output tensor with a code and a shape. Raise an error if a size is less than 1."""
        if any(size is not None and size < 1 for size in shape):
            self.fail(f"the output of the layer would have the shape {list(shape)}: its input is too small")
        return Tensor(code, tuple(shape), channels_first=channels_first and len(shape) > 1)

    def same(self, code: str, tensor: Tensor | None = None) -> Tensor:
        """Return an output tensor with the shape of `tensor`, or else of the first input."""
        tensor = tensor or self.inputs[0]
        return Tensor(code, tensor.shape, channels_first=tensor.channels_first)

    def of_layer(self, spec: Mapping[str, Any], inputs: Sequence[Tensor]) -> "Call":
        """Return the call of a wrapper's inner layer. Both layers have the same attribute in the target."""
        kind, arguments = spec["layer"], {key: value for key, value in spec.items() if key != "layer"}
        where = f"{self.where}, within it {printable(kind)[:40]}"
        return Call(
            where,
            kind,
            arguments=arguments,
            inputs=inputs,
            attribute=self.attribute,
            helpers=self.helpers,
            write=self._write,
            target=self._target,
        )

    def wrapped(self, spec: Mapping[str, Any], inputs: Sequence[Tensor]) -> "tuple[Sequence[Tensor], LayerCode]":
        """Write the call of a wrapper's inner layer, and return its outputs and its code."""
        inner = self.of_layer(spec, inputs)
        return self._write(inner), inner.code

    def finish(self) -> None:
        """Raise an error for an argument of the spec that no function has read: the export would lose it."""
        if self["dtype"] not in {None, "float32"}:
            self.no_counterpart(f"dtype: {self['dtype']!r:.40}")
        for key, value in self._given.items():
            known = self._class.arguments.get(key)
            if key in self._read or key in IGNORED or (known and value == known.default):
                continue
            self.no_counterpart(f"{key}: {value!r:.40}")

    def fail(self, message: str) -> NoReturn:
        """Raise the error for a layer that Keras itself would refuse."""
        raise EpochalError(f"{self.where}: {message}", "Run epochal check with the file to find all problems.")

    def no_counterpart(self, what: str = "") -> NoReturn:
        """Raise the error for a layer, or for its argument `what`, that has no counterpart in the target."""
        raise no_counterpart(self._target, self.where, self.kind, what)

    def known(self, shape: Shape) -> tuple[int, ...]:
        """Return a shape as integers. An axis of unknown size raises an error."""
        sizes = tuple(size for size in shape if size is not None)
        if len(sizes) != len(shape):
            self.fail(f"the input of the layer has the shape {list(shape)}, in which each axis must have a known size")
        return sizes
