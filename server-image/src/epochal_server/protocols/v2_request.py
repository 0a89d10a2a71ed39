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

MAX_PARAMETERS = 64
"""Maximum number of parameters of a request. More are refused, since the response repeats them."""
MAX_CACHED = 256
MAX_CACHED_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Output:
    """An output of the model that a request asks for."""

    name: str
    binary: bool
    """True if the response contains the output as bytes after the JSON."""
    classification: int = 0
    """Number of greatest values to return as labels VALUE:INDEX:NAME in place of all values; 0 for all values."""


@dataclass(frozen=True, slots=True)
class BinaryInput:
    """An input of which the array follows the JSON of the request as bytes."""

    tensor: Tensor
    where: str
    """The input's name in messages."""
    shape: Sequence[int]
    size: int


@dataclass(frozen=True, slots=True)
class Head:
    """The parsed JSON of a request, without the bytes after the JSON."""

    inputs: Mapping[str, np.ndarray | BinaryInput]
    outputs: tuple[Output, ...]
    repeated_fields: Mapping[str, Any]
    """The fields that the response repeats: id and parameters."""
    memory_factor: int
    """Maximum bytes of outputs and response together, for each byte of the outputs."""
    binary_bytes: int
    """Expected number of bytes after the JSON in the request."""
    has_numbers_only: bool = False
    """True if all requested outputs are numbers as bytes. The JSON of the response then depends only on shapes."""
    response_heads: dict[tuple[tuple[int, ...], ...], bytes] = field(default_factory=dict)
    """The encoded JSON of the first response, by the shapes of its outputs, to reuse; at most one entry."""


class Decoder:
    """Decodes requests to a model, and caches parsed JSON: a client often sends the same JSON before its tensors."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._cache: dict[bytes, Head] = {}

    def decode(self, body: bytes, header_length: str | None) -> tuple[Arrays, Head]:
        """Return the model's inputs from a request's body, and the request's parsed JSON.

        `header_length` is the value of the header Inference-Header-Content-Length, or None without the header.

        Raises:
            Invalid: If the request is invalid, or does not match the model.
        """
        length = len(body) if header_length is None else _length(header_length, len(body))
        text = body[:length]
        repeats = header_length is not None and length <= MAX_CACHED_BYTES
        head = self._cache.get(text) if repeats else None
        if head is None:
            head = parse(text, self._model)
            if repeats and all(isinstance(source, BinaryInput) for source in head.inputs.values()):
                if len(self._cache) >= MAX_CACHED:  # the cache is no use to clients that change the JSON each time
                    self._cache.clear()
                self._cache[text] = head
        if length + head.binary_bytes != len(body):
            raise Invalid(
                f"body: expected {head.binary_bytes:,} bytes after the JSON, by binary_data_size of its inputs, found "
                f"{len(body) - length:,}: correct binary_data_size or {HEADER_LENGTH}"
            )
        data, inputs = memoryview(body)[length:], {}
        for name, source in head.inputs.items():
            if isinstance(source, BinaryInput):
                inputs[name] = v2_binary.array(data[: source.size], source.shape, source.tensor, source.where)
                data = data[source.size :]
            else:
                inputs[name] = source
        return inputs, head


def parse(text: bytes, model: Model) -> Head:
    """Return the inputs, outputs and parameters in the JSON of a request.

    Raises:
        Invalid: If the JSON is invalid, or does not match the model.
    """
    request = json_body.read(text)
    inputs: dict[str, np.ndarray | BinaryInput] = {}
    for entry in json_body.field(request, "inputs", "inputs", of=list) or ():
        name, source = _input(entry, model)
        if name in inputs:
            raise Invalid(f'inputs: expected each input once, found "{name}" twice: send it once')
        inputs[name] = source
    parameters = json_body.field(request, "parameters", "parameters", of=dict) or {}
    if len(parameters) > MAX_PARAMETERS:
        raise Invalid(
            f"parameters: expected at most {MAX_PARAMETERS} parameters, found {len(parameters):,}: remove parameters "
            "that the response need not repeat"
        )
    for name, value in parameters.items():
        if isinstance(value, dict | list):
            kind = json_body.kind(value)
            raise Invalid(f'parameters: expected strings, numbers or booleans, found {kind}: remove "{name}"')
    outputs = _outputs(request, parameters, model)
    memory_factor = answer_size.memory_factor(model, sum([_max_response_bytes(output, model) for output in outputs]))
    binary_bytes = sum([source.size for source in inputs.values() if isinstance(source, BinaryInput)])
    numbers_only = all(
        output.binary and not output.classification and not model.outputs[output.name].text for output in outputs
    )
    return Head(inputs, outputs, _fields_to_repeat(request, parameters), memory_factor, binary_bytes, numbers_only)


def _max_response_bytes(output: Output, model: Model) -> int:
    """Return the maximum bytes of one sample of a requested output in the response."""
    tensor = model.outputs[output.name]
    if output.classification:
        return answer_size.label_bytes(tensor, output.classification)
    return answer_size.raw_bytes(tensor) if output.binary else answer_size.flat_bytes(tensor)


def _length(header: str, body_length: int) -> int:
    if not (header.isascii() and header.isdigit()) or len(header) > len(str(body_length)) or int(header) > body_length:
        raise Invalid(
            f"{HEADER_LENGTH}: expected the length of the JSON, at most the body's {body_length:,} bytes, found "
            f"{header[:40]!r}: send the number of bytes before the tensors"
        )
    return int(header)


def _input(entry: Any, model: Model) -> tuple[str, np.ndarray | BinaryInput]:
    """Return an input's name, and its array, or a BinaryInput if its array follows the JSON as bytes."""
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise Invalid("inputs: expected objects with name, shape, datatype and data, found no name: send such objects")
    where = f'input "{name}"'
    tensor = model.inputs.get(name)
    if tensor is None:
        names = ", ".join(f'"{known}"' for known in model.inputs)
        raise Invalid(f'inputs: expected {names}, found "{name}": send exactly the inputs of the model')
    if (datatype := entry.get("datatype")) != (expected := tensor.datatype.open_inference):
        found = f'"{datatype[:40]}"' if isinstance(datatype, str) else json_body.kind(datatype)
        raise Invalid(f"{where}: expected datatype {expected}, found {found}: send {expected}")
    shape = _shape(entry.get("shape"), tensor, where)
    parameters = json_body.field(entry, "parameters", f"{where}: parameters", of=dict) or {}
    if "shared_memory_region" in parameters:
        raise Invalid(f"{where}: expected data, found shared_memory_region, which is not supported: send the data")
    if "binary_data_size" in parameters:
        size = parameters["binary_data_size"]
        if type(size) is not int or size < 0:
            raise Invalid(
                f"{where}: binary_data_size: expected a number of bytes, found "
                f"{size if type(size) is int else json_body.kind(size)}: correct the size"
            )
        return name, BinaryInput(tensor, where, shape, size)
    data = entry.get("data")
    if not isinstance(data, list):
        raise Invalid(f"{where}: expected data, a list, found {json_body.kind(data)}: send the values row by row")
    values, _ = json_values.flat(data, where, text=tensor.text)
    if len(values) != (expected_count := math.prod(shape)):
        raise Invalid(
            f"{where}: expected {expected_count:,} values for shape {shape}, found {len(values):,}: correct data or "
            "shape"
        )
    return name, json_values.array(values, shape, tensor, where)


def _shape(shape: Any, tensor: Tensor, where: str) -> list[int]:
    if (
        not isinstance(shape, list)
        or len(shape) > json_values.MAX_AXES
        or not all(type(axis) is int and axis > 0 for axis in shape)  # beside an axis of 0, others could have any size
    ):
        raise Invalid(
            f"{where}: expected shape {tensor.shape_name}, found an invalid shape: send a list of positive integers, "
            "with the number of samples first"
        )
    return shape


def _outputs(request: dict[str, Any], parameters: dict[str, Any], model: Model) -> tuple[Output, ...]:
    binary = parameters.get("binary_data_output") is True
    requested = json_body.field(request, "outputs", "outputs", of=list)
    if not requested:
        return tuple(Output(name, binary) for name in model.outputs)
    if len(requested) > len(model.outputs):
        raise Invalid(
            f"outputs: expected at most {len(model.outputs)} outputs, found {len(requested):,}: request each once"
        )
    outputs = tuple(_output(entry, binary=binary, model=model) for entry in requested)
    if len({output.name for output in outputs}) != len(outputs):
        raise Invalid("outputs: expected each output once, found an output twice: request each output once")
    return outputs


def _output(entry: Any, *, binary: bool, model: Model) -> Output:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or name not in model.outputs:
        names = ", ".join(f'"{known}"' for known in model.outputs)
        found = f'"{name}"' if isinstance(name, str) else "an entry without a name"
        raise Invalid(f"outputs: expected names out of {names}, found {found}: request these, or remove outputs")
    where = f'output "{name}"'
    parameters = json_body.field(entry, "parameters", f"{where}: parameters", of=dict) or {}
    if "shared_memory_region" in parameters:
        raise Invalid(f"{where}: found shared_memory_region, which is not supported: remove it")
    count = parameters.get("classification", 0)
    if type(count) is not int or count < 0:
        found = str(count) if type(count) is int else json_body.kind(count)
        raise Invalid(f"{where}: classification: expected a number of classes, found {found}: send 1 or more")
    if count and model.outputs[name].text:
        raise Invalid(f"{where}: classification: expected an output of numbers, found strings: remove classification")
    return Output(name, parameters.get("binary_data", binary) is True, count)


def _fields_to_repeat(request: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    repeated_fields: dict[str, Any] = {}
    if (identity := json_body.field(request, "id", "id", of=str)) is not None:
        repeated_fields["id"] = identity
    if kept := {name: value for name, value in parameters.items() if name != "binary_data_output"}:
        repeated_fields["parameters"] = kept
    return repeated_fields
