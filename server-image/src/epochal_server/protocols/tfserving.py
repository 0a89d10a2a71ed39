"""TensorFlow Serving's REST API: decodes requests to predict, and encodes the answers.

https://www.tensorflow.org/tfx/serving/api_rest
"""

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from epochal_server.model import Arrays, Model
from epochal_server.protocols import answer_size, json_body, values
from epochal_server.protocols.json_list import written
from epochal_server.protocols.tfserving_metadata import SIGNATURE_NAME
from epochal_server.refusals import Invalid
from epochal_server.tensors import Tensor

BASE64 = "b64"


@dataclass(frozen=True, slots=True)
class Request:
    """A decoded request to predict."""

    inputs: Arrays
    rows: bool
    """Whether the request, and so the response, lists samples (row format) or tensors (column format)."""


def decode(body: bytes, model: Model) -> Request:
    """Return the decoded request.

    Args:
        body: Body with `instances` (sample by sample) or `inputs` (input by input).
        model: The requested model.

    Raises:
        Invalid: If the request is invalid, or does not match the model.
    """
    asked = json_body.read(body)
    signature = json_body.field(asked, "signature_name", "signature_name", of=str)
    if signature not in (None, "", SIGNATURE_NAME):
        raise Invalid(f'signature_name: expected "{SIGNATURE_NAME}", found "{signature}": send that or none')
    if ("instances" in asked) == ("inputs" in asked):
        found = "both" if "instances" in asked else "neither"
        raise Invalid(f"body: expected instances or inputs, found {found}: send one of them")
    if "instances" in asked:
        instances = json_body.field(asked, "instances", "instances", of=list)
        if not instances:
            raise Invalid("instances: expected a list of samples, found none: send at least one")
        return Request(_rows(instances, model), rows=True)
    return Request(_columns(asked["inputs"], model), rows=False)


def encode(request: Request, answers: Arrays) -> bytes:
    """Return the body of a response.

    Args:
        request: The decoded request.
        answers: The model's outputs.
    """
    parts = [b'{"predictions":' if request.rows else b'{"outputs":']
    if len(answers) == 1:
        parts += _column(next(iter(answers.values())))
    elif request.rows:
        parts += _told_rows(answers)
    else:
        for number, (name, found) in enumerate(answers.items()):
            parts += (b"," if number else b"{", orjson.dumps(name), b":", *_column(found))
        parts.append(b"}")
    parts.append(b"}")
    return b"".join(parts)


def times(model: Model) -> int:
    """Return the maximum bytes of outputs and response together, for each byte of the outputs."""
    outputs = model.outputs
    names = sum(len(orjson.dumps(name)) + len(":,") for name in outputs) + len("{},") if len(outputs) > 1 else 0
    return answer_size.times(model, names + sum(map(answer_size.nested_bytes, outputs.values())))


def _column(found: np.ndarray) -> Iterator[bytes]:
    """Yield the JSON of an output."""
    width = math.prod(found.shape[1:])
    return written(0, len(found), width, lambda begin, end: values.jsonable(found[begin:end]))


def _told_rows(answers: Arrays) -> Iterator[bytes]:
    """Yield the JSON of several outputs, sample by sample."""

    def block(begin: int, end: int) -> list[dict[str, Any]]:
        columns = [values.jsonable(found[begin:end]) for found in answers.values()]
        return [dict(zip(answers, row, strict=True)) for row in zip(*columns, strict=True)]

    width = sum(math.prod(found.shape[1:]) for found in answers.values())
    return written(0, len(next(iter(answers.values()))), width, block)


def _rows(instances: list[Any], model: Model) -> Arrays:
    """Return the inputs of samples. Each sample names its inputs, unless the model has only one."""
    if not _named(instances[0]):
        return _columns(instances, model, "instances")
    names = model.inputs.keys()
    for at, instance in enumerate(instances):
        if not isinstance(instance, dict) or instance.keys() != names:
            found = _told(instance) if isinstance(instance, dict) else json_body.kind(instance)
            raise Invalid(f"instances[{at}]: expected {_told(names)}, found {found}: send each of those, and no other")
    return {
        name: _array([instance[name] for instance in instances], tensor, f'instances: "{name}"')
        for name, tensor in model.inputs.items()
    }


def _columns(found: Any, model: Model, where: str = "inputs") -> Arrays:
    if _named(found):
        if found.keys() != model.inputs.keys():
            raise Invalid(f"{where}: expected {_told(model.inputs)}, found {_told(found)}: send each, and no other")
        return {name: _array(found[name], tensor, f'{where}: "{name}"') for name, tensor in model.inputs.items()}
    if len(model.inputs) > 1:
        raise Invalid(f"{where}: expected objects with {_told(model.inputs)}, found {json_body.kind(found)}: send such")
    tensor = next(iter(model.inputs.values()))
    return {tensor.name: _array(found, tensor, where)}


def _array(found: Any, tensor: Tensor, where: str) -> np.ndarray:
    return values.nested(_texts(found, len(tensor.shape) + 1, where) if tensor.text else found, tensor, where)


def _texts(found: Any, axes: int, where: str) -> Any:
    """Return nested lists with decoded texts in place of base64 objects, down to the depth of the tensor."""
    if isinstance(found, list) and axes:
        return [_texts(one, axes - 1, where) for one in found]
    if not isinstance(found, dict):
        return found
    encoded = found.get(BASE64)
    if not isinstance(encoded, str) or len(found) > 1:
        raise Invalid(f'{where}: expected texts or {{"{BASE64}": …}}, found an object with {_told(found)}: send texts')
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{where}: expected base64 of text in UTF-8, found {error}: send such") from None


def _named(found: Any) -> bool:
    """Return whether an object has values by name, and is not a base64 text."""
    return isinstance(found, dict) and found.keys() != {BASE64}


def _told(names: Mapping[str, Any] | Any) -> str:
    return ", ".join(f'"{name}"' for name in list(names)[:8]) or "none"
