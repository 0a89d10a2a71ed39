"""Open Inference v2: decodes requests to infer, and encodes the answers, with tensors as JSON or as bytes after it.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from epochal_server.model import Arrays, Model
from epochal_server.protocols import answer_size, json_body, v2_binary, values
from epochal_server.protocols.classes import label_shape, labels
from epochal_server.protocols.datatypes import open_inference
from epochal_server.protocols.json_list import BLOCK_VALUES, written
from epochal_server.refusals import Invalid
from epochal_server.tensors import Tensor

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Header with the length of the JSON in a body; tensors follow the JSON."""
MOST_PARAMETERS = 64
"""Maximum number of parameters of a request, since its response repeats them."""


@dataclass(frozen=True, slots=True)
class Output:
    """An output that a request asks for."""

    name: str
    binary: bool
    """Whether the output follows the JSON as bytes."""
    classification: int = 0
    """Number of top classes to return in place of the values; 0 for the values."""


@dataclass(frozen=True, slots=True)
class Request:
    """A decoded request to infer."""

    inputs: Arrays
    outputs: tuple[Output, ...]
    echoed: Mapping[str, Any]
    """The fields that the response repeats: id and parameters."""
    times: int
    """Maximum bytes of outputs and response together, for each byte of the outputs."""


def decode(body: bytes, header_length: str | None, model: Model) -> Request:
    """Return the decoded request.

    Args:
        body: The body of the request.
        header_length: Value of the header HEADER_LENGTH, or None.
        model: The requested model.

    Raises:
        Invalid: If the request is invalid, or does not match the model.
    """
    data = memoryview(body)
    if header_length is not None:
        length = _length(header_length, len(body))
        body, data = body[:length], data[length:]
    else:
        data = data[len(body) :]
    asked = json_body.read(body)
    inputs: dict[str, np.ndarray] = {}
    for one in json_body.field(asked, "inputs", "inputs", of=list) or ():
        name, found, size = _input(one, data, model)
        if name in inputs:
            raise Invalid(f'inputs: expected each once, found "{name}" twice: send it once')
        data = data[size:]
        inputs[name] = found
    if data:
        raise Invalid(
            f"body: expected as many bytes after the JSON as binary_data_size of its inputs tells, found {len(data):,} "
            "more: correct binary_data_size"
        )
    parameters = json_body.field(asked, "parameters", "parameters", of=dict) or {}
    if len(parameters) > MOST_PARAMETERS:
        raise Invalid(
            f"parameters: expected at most {MOST_PARAMETERS}, found {len(parameters):,}: leave out those that the "
            "response need not repeat"
        )
    for name, one in parameters.items():
        if isinstance(one, dict | list):
            expected = f'parameters: expected texts, numbers, true and false, found {json_body.kind(one)} as "{name}"'
            raise Invalid(f"{expected}: leave it out")
    outputs = _outputs(asked, parameters, model)
    times = answer_size.times(model, sum([_bytes(output, model) for output in outputs]))
    return Request(inputs, outputs, _echoed(asked, parameters), times)


def encode(request: Request, answers: Arrays, model: Model) -> tuple[bytes, int | None]:
    """Return the body of a response, and the length of its JSON, or None if no tensors follow.

    Args:
        request: The decoded request.
        answers: The model's outputs.
        model: The model.
    """
    if all(
        not output.binary and not output.classification and answers[output.name].size <= BLOCK_VALUES
        for output in request.outputs
    ):
        return _short(request, answers, model), None
    begun = {"model_name": model.name, "model_version": model.version, **request.echoed}
    parts = [orjson.dumps(begun)[:-1], b',"outputs":[']
    data: list[v2_binary.Buffer] = []
    for number, wanted in enumerate(request.outputs):
        found = answers[wanted.name]
        told: dict[str, Any] = {"name": wanted.name, "datatype": open_inference(model.outputs[wanted.name])}
        if wanted.classification:
            told["datatype"], told["shape"] = "BYTES", label_shape(found, wanted.classification, wanted.name, model)
        else:
            told["shape"] = found.shape
        if number:
            parts.append(b",")
        if wanted.binary:
            packed = _packed(found, wanted, model)
            data += packed
            parts.append(orjson.dumps(told | {"parameters": {"binary_data_size": sum(map(len, packed))}}))
        else:
            parts += (orjson.dumps(told)[:-1], b',"data":', *_data(found, wanted, model), b"}")
    parts.append(b"]}")
    if not data:
        return b"".join(parts), None
    head = b"".join(parts)
    return b"".join((head, *data)), len(head)


def _short(request: Request, answers: Arrays, model: Model) -> bytes:
    """Return the body of a response of a few numbers, by one call of orjson, since most responses are small."""
    outputs = [
        {
            "name": output.name,
            "datatype": open_inference(model.outputs[output.name]),
            "shape": answers[output.name].shape,
            "data": values.jsonable(answers[output.name].reshape(-1)),
        }
        for output in request.outputs
    ]
    response = {"model_name": model.name, "model_version": model.version, **request.echoed, "outputs": outputs}
    return orjson.dumps(response, option=orjson.OPT_SERIALIZE_NUMPY)


def _data(found: np.ndarray, wanted: Output, model: Model) -> Iterator[bytes]:
    """Yield the JSON of an output's values."""
    if wanted.classification:

        def block(begin: int, end: int) -> list[str]:
            told: list[str] = labels(found[begin:end], wanted.classification, wanted.name, model).reshape(-1).tolist()
            return told

        return written(0, len(found), math.prod(found.shape[1:]), block)
    flat = found.reshape(-1)
    return written(0, len(flat), 1, lambda begin, end: values.jsonable(flat[begin:end]))


def _packed(found: np.ndarray, wanted: Output, model: Model) -> list[v2_binary.Buffer]:
    """Return the bytes of an output, in parts."""
    if not wanted.classification:
        return [v2_binary.packed(found)]
    step = max(1, BLOCK_VALUES // max(1, math.prod(found.shape[1:])))
    return [
        v2_binary.packed(labels(found[at : at + step], wanted.classification, wanted.name, model))
        for at in range(0, len(found), step)
    ]


def _bytes(output: Output, model: Model) -> int:
    """Return the maximum bytes of one sample of an output in the response."""
    tensor = model.outputs[output.name]
    if output.classification:
        written = answer_size.label_bytes(tensor, output.classification, model.classes)
    elif output.binary:
        written = answer_size.raw_bytes(tensor)
    else:
        written = answer_size.flat_bytes(tensor)
    return written


def _length(header: str, most: int) -> int:
    if not (header.isascii() and header.isdigit()) or len(header) > len(str(most)) or int(header) > most:
        raise Invalid(
            f"{HEADER_LENGTH}: expected the length of the JSON, at most the body's {most:,} bytes, found "
            f"{header[:40]!r}: send the number of bytes before the tensors"
        )
    return int(header)


def _input(one: Any, data: memoryview, model: Model) -> tuple[str, np.ndarray, int]:
    """Return an input's name, its array, and the number of its bytes after the JSON."""
    name = one.get("name") if isinstance(one, dict) else None
    if not isinstance(name, str):
        raise Invalid("inputs: expected objects with name, shape, datatype and data, found another: send such")
    where = f'input "{name}"'
    tensor = model.inputs.get(name)
    if tensor is None:
        names = ", ".join(f'"{known}"' for known in model.inputs)
        raise Invalid(f"inputs: expected {names}, found {where[6:]}: send each of those, and no other")
    if one.get("datatype") != (expected := open_inference(tensor)):
        found = one.get("datatype")
        shown = f'"{found[:40]}"' if isinstance(found, str) else json_body.kind(found)
        raise Invalid(f"{where}: expected datatype {expected}, found {shown}: send {expected}")
    shape = _shape(one.get("shape"), tensor, where)
    parameters = json_body.field(one, "parameters", f"{where}: parameters", of=dict) or {}
    if "shared_memory_region" in parameters:
        raise Invalid(f"{where}: expected data, found shared_memory_region, which is not supported: send data")
    if "binary_data_size" in parameters:
        size = parameters["binary_data_size"]
        if type(size) is not int or not 0 <= size <= len(data):
            raise Invalid(
                f"{where}: expected binary_data_size of the {len(data):,} bytes that are left after the JSON, found "
                f"{size if type(size) is int else json_body.kind(size)}: correct it, or {HEADER_LENGTH}"
            )
        return name, v2_binary.array(data[:size], shape, tensor, where), size
    found = one.get("data")
    if not isinstance(found, list):
        raise Invalid(f"{where}: expected data, a list, found {json_body.kind(found)}: send its numbers row by row")
    found, _ = values.flat(found, where, text=tensor.text)
    if len(found) != math.prod(shape):
        raise Invalid(
            f"{where}: expected {math.prod(shape):,} values for shape {shape}, found {len(found):,}: send as many"
        )
    return name, values.array(found, shape, tensor, where), 0


def _shape(found: Any, tensor: Tensor, where: str) -> list[int]:
    if (
        not isinstance(found, list)
        or len(found) > values.MAX_AXES
        or not all(type(axis) is int and axis > 0 for axis in found)  # beside an axis of 0, others could have any size
    ):
        raise Invalid(
            f"{where}: expected shape {tensor.shape_name}, found no such list: send n samples first, and at least one "
            "value along each axis"
        )
    return found


def _outputs(asked: dict[str, Any], parameters: dict[str, Any], model: Model) -> tuple[Output, ...]:
    binary = parameters.get("binary_data_output") is True
    wanted = json_body.field(asked, "outputs", "outputs", of=list)
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


def _echoed(asked: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    echoed: dict[str, Any] = {}
    if (identity := json_body.field(asked, "id", "id", of=str)) is not None:
        echoed["id"] = identity
    if kept := {name: value for name, value in parameters.items() if name != "binary_data_output"}:
        echoed["parameters"] = kept
    return echoed
