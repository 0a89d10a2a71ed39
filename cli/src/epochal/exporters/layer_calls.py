"""A call of a layer, with its arguments checked and its code collected."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from epochal_api.catalogue.classes import LAYERS, KerasClass, catalogue
from epochal_api.text import printable

from epochal.errors import EpochalError
from epochal.exporters.support import no_counterpart
from epochal.exporters.tensors import Shape, Tensor

IGNORED = frozenset({"name", "trainable", "seed", "autocast", "use_cudnn", "unroll", "flash_attention", "synchronized"})
"""Arguments without an effect on the outputs, or with one that `LayerCode` has for all layers."""


@dataclass(frozen=True)
class Weight:
    """Weights of a layer, from Keras' order and layout into torch's.

    Args:
        names: Names for the arrays of `get_weights`, in its order.
        values: Code of each weight in torch, by its name below the layer, with these names as variables.
    """

    names: Sequence[str]
    values: Mapping[str, str]


@dataclass
class LayerCode:
    """The code of a layer, apart from its calls. A wrapper of one layer has the code of that layer.

    Args:
        kind: The class of the layer in keras.layers.
        trainable: Whether the spec lets its weights be trained.
        module: The constructor; None for a layer without one.
        weights: Its weights; None for a layer without any.
        arrays: Code of weights that Keras has as attributes of the layer `layer`, by their names below the layer.
        initializers: Lines that draw weights. {layer} is the layer in them.
        penalties: Weights with regularizers: the name below the layer, and the regularizer.
        fixed: Names of parameters below the layer that Keras does not have, and torch does: they are not trained.
        adapts: Whether the layer learns from the training samples before the training.
    """

    kind: str
    trainable: bool = True
    module: str | None = None
    weights: Weight | None = None
    arrays: dict[str, str] = field(default_factory=dict)
    initializers: list[str] = field(default_factory=list)
    penalties: list[tuple[str, Any]] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    adapts: bool = False


class Call:
    """A call of a layer on tensors, for the function that writes its code.

    Args:
        where: The layer in messages.
        kind: Its class in keras.layers.
        arguments: Its arguments in the spec.
        inputs: The tensors that it takes.
        attribute: Its attribute in the module, such as self.conv1.
        helpers: Names of the helpers that the module needs; functions add to it.
        write: Writes a call, and returns its outputs: for inner layers.
        target: The target, for messages.
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
        """The input tensor. The call fails if there are several."""
        if len(self.inputs) != 1:
            self.fail(f"it takes one input, found {len(self.inputs)}")
        return self.inputs[0]

    def __getitem__(self, key: str) -> Any:
        """Return an argument as in the spec, or its default in Keras."""
        self._read.add(key)
        if key in self._given:
            return self._given[key]
        argument = self._class.arguments.get(key)
        return argument.default if argument else None

    def integer(self, key: str, least: int = 1) -> int:
        """Return an argument that must be an integer."""
        value = self[key]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.fail(f"{key} must be an integer from {least}, found {value!r:.40}")
        return value

    def number(self, key: str) -> float:
        """Return an argument that must be a number."""
        value = self[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(f"{key} must be a number, found {value!r:.40}")
        return value

    def flag(self, key: str) -> bool:
        """Return an argument that must be true or false."""
        value = self[key]
        if not isinstance(value, bool):
            self.fail(f"{key} must be true or false, found {value!r:.40}")
        return value

    def choice(self, key: str, *choices: Any) -> Any:
        """Return an argument that must be one of the choices that have a counterpart."""
        value = self[key]
        if value not in choices:
            self.no_counterpart(f"{key}: {value!r:.40}")
        return value

    def off(self, key: str) -> None:
        """Refuse an argument, unless it is false or not given."""
        value = self[key]
        if value is not None and value is not False:
            self.no_counterpart(f"{key}: {value!r:.40}")

    def sizes(self, key: str, count: int, least: int = 1) -> tuple[int, ...]:
        """Return an argument with a size for each of `count` axes, or a size for all."""
        value = self[key]
        sizes = [value] * count if isinstance(value, int) else value
        if not isinstance(sizes, list | tuple) or (len(sizes) not in {1, count}):
            self.fail(f"{key} must be an integer or {count} integers, found {value!r:.40}")
        if not all(isinstance(size, int) and not isinstance(size, bool) and size >= least for size in sizes):
            self.fail(f"{key} must have integers from {least}, found {value!r:.40}")
        return tuple(sizes) if len(sizes) == count else tuple(sizes) * count

    def axis(self, tensor: Tensor | None = None) -> int:
        """Return the argument `axis`, which must be one axis, counted from the batch axis 0."""
        value, rank = self["axis"], (tensor or self.inputs[0]).rank
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, int) or not -rank <= value < rank or value % rank == 0:
            self.fail(f"axis must be an axis of its input except the batch axis, found {value!r:.40}")
        return value % rank

    def ignore(self, *keys: str) -> None:
        """Accept arguments that have no effect in the target."""
        self._read.update(keys)

    def ignore_training(self) -> None:
        """Accept initializers, regularizers and constraints, which have no effect on a trained network."""
        ends = ("_initializer", "_regularizer", "_constraint")
        self._read.update(key for key in self._class.arguments if key.endswith(ends))

    def size_of(self, tensor: Tensor, axis: int = -1) -> int:
        """Return the size of an axis of a sample. The call fails if the axis has any length."""
        if not tensor.shape:
            self.fail("its input needs an axis beside the batch axis")
        found = tensor.shape[axis]
        if found is None:
            self.fail(f"its input has the shape {list(tensor.shape)}, in which axis {axis} must have a known size")
        return found

    def module(self, code: str) -> str:
        """Set the constructor of the layer, and return its attribute."""
        self.code.module = code
        return self.attribute

    def weights(self, names: Sequence[str], values: Mapping[str, str]) -> None:
        """Set the weights of the layer; see `Weight`."""
        self.code.weights = Weight(names, values)

    def result(self, code: str, shape: Sequence[int | None], *, channels_first: bool = False) -> Tensor:
        """Return an output of the call."""
        if any(size is not None and size < 1 for size in shape):
            self.fail(f"its output would have the shape {list(shape)}: its input is too small")
        return Tensor(code, tuple(shape), channels_first=channels_first and len(shape) > 1)

    def same(self, code: str, tensor: Tensor | None = None) -> Tensor:
        """Return an output with the shape of the input."""
        tensor = tensor or self.inputs[0]
        return Tensor(code, tensor.shape, channels_first=tensor.channels_first)

    def of_layer(self, spec: Mapping[str, Any], inputs: Sequence[Tensor]) -> "Call":
        """Return the call of an inner layer, which has the attribute of this layer."""
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
        """Return the outputs and the code of an inner layer."""
        inner = self.of_layer(spec, inputs)
        return self._write(inner), inner.code

    def finish(self) -> None:
        """Raise an error for each argument of the spec that the export would lose."""
        if self["dtype"] not in {None, "float32"}:
            self.no_counterpart(f"dtype: {self['dtype']!r:.40}")
        for key, value in self._given.items():
            known = self._class.arguments.get(key)
            if key in self._read or key in IGNORED or (known and value == known.default):
                continue
            self.no_counterpart(f"{key}: {value!r:.40}")

    def fail(self, message: str) -> NoReturn:
        """Raise the error of a layer that Keras would refuse, too."""
        raise EpochalError(f"{self.where}: {message}", "Run epochal check with the file to find all problems.")

    def no_counterpart(self, what: str = "") -> NoReturn:
        """Raise the error of a layer, or of an argument, that the target does not have."""
        raise no_counterpart(self._target, self.where, self.kind, what)

    def known(self, shape: Shape) -> tuple[int, ...]:
        """Return the sizes of a shape of the input. The call fails if an axis has any length."""
        sizes = tuple(size for size in shape if size is not None)
        if len(sizes) != len(shape):
            self.fail(f"its input has the shape {list(shape)}, in which each axis must have a known size")
        return sizes
