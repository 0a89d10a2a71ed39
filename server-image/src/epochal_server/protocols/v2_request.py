"""Open Inference v2: decodes requests to infer, with tensors as JSON or as bytes after it.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epochal_server.model.model import Arrays, Model, Tensor
from epochal_server.protocols import answer_size, json_body, json_values, v2_binary
from epochal_server.protocols.protocol import HEADER_LENGTH
from epochal_server.refusals import Invalid

MOST_PARAMETERS = 64
"""Maximum number of parameters of a request, since its response repeats them."""
MOST_CACHED = 256
"""Maximum number of cached heads."""
MOST_CACHED_BYTES = 4096
"""Maximum length of a cached head."""


@dataclass(frozen=True, slots=True)
class Output:
    """An output that a request asks for."""

    name: str
    binary: bool
    """Whether the output follows the JSON as bytes."""
    classification: int = 0
    """Number of top classes to return in place of the values; 0 for the values."""


@dataclass(frozen=True, slots=True)
class BinaryInput:
    """An input whose array follows the JSON as bytes."""

    tensor: Tensor
    where: str
    """The input's name in messages."""
    shape: Sequence[int]
    size: int


@dataclass(frozen=True, slots=True)
class Head:
    """The parsed JSON of a request."""

    inputs: Mapping[str, np.ndarray | BinaryInput]
    outputs: tuple[Output, ...]
    echoed: Mapping[str, Any]
    """The fields that the response repeats: id and parameters."""
    times: int
    """Maximum bytes of outputs and response together, for each byte of the outputs."""
    binary_bytes: int
    """Number of bytes after the JSON."""
    has_numbers_only: bool = False
    """Whether all outputs are numbers as bytes, so that the JSON of the response depends on their shapes only."""
    response_heads: dict[tuple[tuple[int, ...], ...], bytes] = field(default_factory=dict)
    """The JSON of the response by the shapes of the outputs: the first one of them."""


class Decoder:
    """Decodes requests to a model. A client often sends the same JSON before its tensors, which is parsed once.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._cache: dict[bytes, Head] = {}

    def decode(self, body: bytes, header_length: str | None) -> tuple[Arrays, Head]:
        """Return the inputs, and the parsed JSON.

        Args:
            body: The body of the request.
            header_length: Value of the header HEADER_LENGTH, or None.

        Raises:
            Invalid: If the request is invalid, or does not match the model.
        """
        length = len(body) if header_length is None else _length(header_length, len(body))
        text = body[:length]
        repeats = header_length is not None and length <= MOST_CACHED_BYTES
        head = self._cache.get(text) if repeats else None
        if head is None:
            head = parse(text, self._model)
            if repeats and all(isinstance(one, BinaryInput) for one in head.inputs.values()):
                if len(self._cache) >= MOST_CACHED:  # the cache is no use to clients that change the JSON each time
                    self._cache.clear()
                self._cache[text] = head
        if length + head.binary_bytes != len(body):
            raise Invalid(
                f"body: expected {head.binary_bytes:,} bytes after the JSON, by binary_data_size of its inputs, found "
                f"{len(body) - length:,}: correct binary_data_size or {HEADER_LENGTH}"
            )
        data, inputs = memoryview(body)[length:], {}
        for name, one in head.inputs.items():
            if isinstance(one, BinaryInput):
                inputs[name] = v2_binary.array(data[: one.size], one.shape, one.tensor, one.where)
                data = data[one.size :]
            else:
                inputs[name] = one
        return inputs, head


def parse(text: bytes, model: Model) -> Head:
    """Return the parsed JSON of a request.

    Raises:
        Invalid: If it is invalid, or does not match the model.
    """
    request = json_body.read(text)
    inputs: dict[str, np.ndarray | BinaryInput] = {}
    for one in json_body.field(request, "inputs", "inputs", of=list) or ():
        name, found = _input(one, model)
        if name in inputs:
            raise Invalid(f'inputs: expected each once, found "{name}" twice: send it once')
        inputs[name] = found
    parameters = json_body.field(request, "parameters", "parameters", of=dict) or {}
    if len(parameters) > MOST_PARAMETERS:
        raise Invalid(
            f"parameters: expected at most {MOST_PARAMETERS}, found {len(parameters):,}: leave out those that the "
            "response need not repeat"
        )
    for name, value in parameters.items():
        if isinstance(value, dict | list):
            expected = f'parameters: expected texts, numbers, true and false, found {json_body.kind(value)} as "{name}"'
            raise Invalid(f"{expected}: leave it out")
    outputs = _outputs(request, parameters, model)
    times = answer_size.times(model, sum([_bytes(output, model) for output in outputs]))
    binary_bytes = sum([one.size for one in inputs.values() if isinstance(one, BinaryInput)])
    numbers = all(one.binary and not one.classification and not model.outputs[one.name].text for one in outputs)
    return Head(inputs, outputs, _echoed(request, parameters), times, binary_bytes, numbers)


def _bytes(output: Output, model: Model) -> int:
    """Return the maximum bytes of one sample of an output in the response."""
    tensor = model.outputs[output.name]
    if output.classification:
        return answer_size.label_bytes(tensor, output.classification, model.classes)
    return answer_size.raw_bytes(tensor) if output.binary else answer_size.flat_bytes(tensor)


def _length(header: str, most: int) -> int:
    if not (header.isascii() and header.isdigit()) or len(header) > len(str(most)) or int(header) > most:
        raise Invalid(
            f"{HEADER_LENGTH}: expected the length of the JSON, at most the body's {most:,} bytes, found "
            f"{header[:40]!r}: send the number of bytes before the tensors"
        )
    return int(header)


def _input(one: Any, model: Model) -> tuple[str, np.ndarray | BinaryInput]:
    """Return an input's name, and its array or the place of its bytes after the JSON."""
    name = one.get("name") if isinstance(one, dict) else None
    if not isinstance(name, str):
        raise Invalid("inputs: expected objects with name, shape, datatype and data, found another: send such")
    where = f'input "{name}"'
    tensor = model.inputs.get(name)
    if tensor is None:
        names = ", ".join(f'"{known}"' for known in model.inputs)
        raise Invalid(f"inputs: expected {names}, found {where[6:]}: send each of those, and no other")
    if one.get("datatype") != (expected := tensor.datatype.open_inference):
        found = one.get("datatype")
        shown = f'"{found[:40]}"' if isinstance(found, str) else json_body.kind(found)
        raise Invalid(f"{where}: expected datatype {expected}, found {shown}: send {expected}")
    shape = _shape(one.get("shape"), tensor, where)
    parameters = json_body.field(one, "parameters", f"{where}: parameters", of=dict) or {}
    if "shared_memory_region" in parameters:
        raise Invalid(f"{where}: expected data, found shared_memory_region, which is not supported: send data")
    if "binary_data_size" in parameters:
        size = parameters["binary_data_size"]
        if type(size) is not int or size < 0:
            raise Invalid(
                f"{where}: binary_data_size: expected a number of bytes, found "
                f"{size if type(size) is int else json_body.kind(size)}: correct it"
            )
        return name, BinaryInput(tensor, where, shape, size)
    found = one.get("data")
    if not isinstance(found, list):
        raise Invalid(f"{where}: expected data, a list, found {json_body.kind(found)}: send its numbers row by row")
    found, _ = json_values.flat(found, where, text=tensor.text)
    if len(found) != math.prod(shape):
        raise Invalid(
            f"{where}: expected {math.prod(shape):,} values for shape {shape}, found {len(found):,}: send as many"
        )
    return name, json_values.array(found, shape, tensor, where)


def _shape(found: Any, tensor: Tensor, where: str) -> list[int]:
    if (
        not isinstance(found, list)
        or len(found) > json_values.MAX_AXES
        or not all(type(axis) is int and axis > 0 for axis in found)  # beside an axis of 0, others could have any size
    ):
        raise Invalid(
            f"{where}: expected shape {tensor.shape_name}, found no such list: send n samples first, and at least one "
            "value along each axis"
        )
    return found


def _outputs(request: dict[str, Any], parameters: dict[str, Any], model: Model) -> tuple[Output, ...]:
    binary = parameters.get("binary_data_output") is True
    wanted = json_body.field(request, "outputs", "outputs", of=list)
    if not wanted:
        return tuple(Output(name, binary) for name in model.outputs)
    if len(wanted) > len(model.outputs):
        raise Invalid(
            f"outputs: expected at most the {len(model.outputs)} of the model, found {len(wanted):,}: ask for each once"
        )
    outputs = tuple(_output(one, binary=binary, model=model) for one in wanted)
    if len({output.name for output in outputs}) != len(outputs):
        raise Invalid("outputs: expected each once, found one twice: ask for it once")
    return outputs


def _output(one: Any, *, binary: bool, model: Model) -> Output:
    name = one.get("name") if isinstance(one, dict) else None
    if not isinstance(name, str) or name not in model.outputs:
        names = ", ".join(f'"{known}"' for known in model.outputs)
        shown = f'"{name}"' if isinstance(name, str) else "something without a name"
        raise Invalid(f"outputs: expected some of {names}, found {shown}: ask for those, or leave outputs out")
    where = f'output "{name}"'
    parameters = json_body.field(one, "parameters", f"{where}: parameters", of=dict) or {}
    if "shared_memory_region" in parameters:
        raise Invalid(f"{where}: expected none, found shared_memory_region, which is not supported: leave it out")
    count = parameters.get("classification", 0)
    if type(count) is not int or count < 0:
        raise Invalid(f"{where}: expected classification to be a number of classes, found another: send 1 or more")
    if count and model.outputs[name].text:
        raise Invalid(f"{where}: expected no classification, since it gives texts, found one: leave it out")
    return Output(name, parameters.get("binary_data", binary) is True, count)


def _echoed(request: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    echoed: dict[str, Any] = {}
    if (identity := json_body.field(request, "id", "id", of=str)) is not None:
        echoed["id"] = identity
    if kept := {name: value for name, value in parameters.items() if name != "binary_data_output"}:
        echoed["parameters"] = kept
    return echoed
