"""TensorFlow Serving's REST API: requests to predict, the status of a model, and its inputs and outputs.

https://www.tensorflow.org/tfx/serving/api_rest
"""

import base64
import binascii
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import orjson

from epochal_server.model.model import Arrays, Model, Tensor
from epochal_server.protocols import answer_size, class_names, json_body, json_values
from epochal_server.protocols.class_names import CLASS_NAMES
from epochal_server.protocols.json_values import json_blocks
from epochal_server.protocols.protocol import Body, Decoded, Document, Endpoint, Protocol
from epochal_server.refusals import Invalid

TENSORFLOW = "tensorflow"
SIGNATURE_NAME = "serving_default"
BASE64 = "b64"
URL_PREFIXES = ("/v1/models/{name:[^/:]+}", "/v1/models/{name:[^/:]+}/versions/{version:[^/:]+}")


def protocol(model: Model) -> Protocol:
    """Return the endpoints and JSON descriptions of TensorFlow Serving's REST API for a model."""
    memory_factors = {named: _memory_factor(model, named=named) for named in (False, True)}

    def decoded(body: bytes, _headers: Mapping[str, str], query: Mapping[str, str]) -> Decoded:
        named = class_names.requested(query, model)
        inputs, rows = decode(body, model)
        return Decoded(inputs, memory_factors[named], partial(encode, rows, named_by=model if named else None))

    return Protocol(
        [Endpoint([f"{prefix}:predict" for prefix in URL_PREFIXES], lambda _: TENSORFLOW, decoded)],
        [
            *(Document(prefix, TENSORFLOW, partial(status, model)) for prefix in URL_PREFIXES),
            *(Document(f"{prefix}/metadata", TENSORFLOW, lambda _: metadata(model)) for prefix in URL_PREFIXES),
        ],
    )


def decode(body: bytes, model: Model) -> tuple[Arrays, bool]:
    """Return the model's inputs from a request, and True for the row format or False for the column format.

    Args:
        body: Body with `instances` (row format: sample by sample) or `inputs` (column format: input by input).
        model: The requested model.

    Raises:
        Invalid: If the request is invalid, or does not match the model.
    """
    request = json_body.read(body)
    signature = json_body.field(request, "signature_name", "signature_name", of=str)
    if signature not in (None, "", SIGNATURE_NAME):
        raise Invalid(f'signature_name: expected "{SIGNATURE_NAME}", found "{signature}": remove signature_name')
    if ("instances" in request) == ("inputs" in request):
        fault = "both" if "instances" in request else "neither"
        raise Invalid(f"body: expected instances or inputs, found {fault}: send one of them")
    if "instances" in request:
        instances = json_body.field(request, "instances", "instances", of=list)
        if not instances:
            raise Invalid("instances: expected a list of samples, found an empty list: send at least one sample")
        return _inputs_of_instances(instances, model), True
    return _columns(request["inputs"], model), False


def encode(rows: bool, answers: Arrays, named_by: Model | None = None) -> Body:  # noqa: FBT001 - `partial` fills it in
    """Return the response in row format if `rows`, else in column format.

    If `named_by` is a model, the response also contains the class name of each sample.
    """
    parts = [b'{"predictions":' if rows else b'{"outputs":']
    if len(answers) == 1:
        parts += _json_output(next(iter(answers.values())))
    elif rows:
        parts += _output_rows(answers)
    else:
        for number, (name, values) in enumerate(answers.items()):
            parts += (b"," if number else b"{", orjson.dumps(name), b":", *_json_output(values))
        parts.append(b"}")
    if named_by is not None:
        parts += (b',"%b":' % CLASS_NAMES.encode(), *_class_names(answers, named_by))
    parts.append(b"}")
    return Body(b"".join(parts))


def _memory_factor(model: Model, *, named: bool = False) -> int:
    """Return the maximum bytes of outputs and response, with class names if `named`, for each byte of the outputs."""
    outputs = model.outputs
    class_bytes = class_names.name_bytes(model) if named else 0
    names = sum(len(orjson.dumps(name)) + len(":,") for name in outputs) + len("{},") if len(outputs) > 1 else 0
    row = names + class_bytes + sum(map(answer_size.nested_bytes, outputs.values()))
    return answer_size.memory_factor(model, row)


def _json_output(values: np.ndarray) -> Iterator[bytes]:
    """Yield the JSON of one output's values for all samples, in blocks."""
    width = math.prod(values.shape[1:])
    return json_blocks(0, len(values), width, lambda begin, end: json_values.jsonable(values[begin:end]))


def _class_names(answers: Arrays, model: Model) -> Iterator[bytes]:
    """Yield the JSON list with the predicted class name of each sample, in blocks."""
    first = answers[model.first_output.name]
    return json_blocks(0, len(first), math.prod(first.shape[1:]), partial(class_names.names, answers, model))


def _output_rows(answers: Arrays) -> Iterator[bytes]:
    """Yield the JSON list with an object of all outputs for each sample, in blocks."""

    def block(begin: int, end: int) -> list[dict[str, Any]]:
        columns = [json_values.jsonable(values[begin:end]) for values in answers.values()]
        return [dict(zip(answers, row, strict=True)) for row in zip(*columns, strict=True)]

    width = sum(math.prod(values.shape[1:]) for values in answers.values())
    return json_blocks(0, len(next(iter(answers.values()))), width, block)


def _inputs_of_instances(instances: list[Any], model: Model) -> Arrays:
    """Return the model's inputs from `instances`, a list of samples.

    A sample is an object with a value for each input. If the model has only one input, it may be the value itself.
    """
    if not _is_by_name(instances[0]):
        return _columns(instances, model, "instances")
    names = model.inputs.keys()
    for at, instance in enumerate(instances):
        if not isinstance(instance, dict) or instance.keys() != names:
            fields = _quoted(instance) if isinstance(instance, dict) else json_body.kind(instance)
            raise Invalid(f"instances[{at}]: expected {_quoted(names)}, found {fields}: send exactly these inputs")
    return {
        name: _array([instance[name] for instance in instances], tensor, f'instances: "{name}"')
        for name, tensor in model.inputs.items()
    }


def _columns(values: Any, model: Model, where: str = "inputs") -> Arrays:
    if _is_by_name(values):
        if values.keys() != model.inputs.keys():
            raise Invalid(
                f"{where}: expected {_quoted(model.inputs)}, found {_quoted(values)}: send exactly these inputs"
            )
        return {name: _array(values[name], tensor, f'{where}: "{name}"') for name, tensor in model.inputs.items()}
    if len(model.inputs) > 1:
        raise Invalid(
            f"{where}: expected objects with {_quoted(model.inputs)}, found {json_body.kind(values)}: send objects"
        )
    tensor = next(iter(model.inputs.values()))
    return {tensor.name: _array(values, tensor, where)}


def _array(values: Any, tensor: Tensor, where: str) -> np.ndarray:
    return json_values.nested(
        _decode_base64(values, len(tensor.shape) + 1, where) if tensor.text else values, tensor, where
    )


def _decode_base64(values: Any, axes: int, where: str) -> Any:
    """Replace each object {"b64": …} in nested lists by its decoded text, in at most `axes` levels of lists."""
    if isinstance(values, list) and axes:
        return [_decode_base64(item, axes - 1, where) for item in values]
    if not isinstance(values, dict):
        return values
    encoded = values.get(BASE64)
    if not isinstance(encoded, str) or len(values) > 1:
        raise Invalid(
            f'{where}: expected strings or {{"{BASE64}": …}}, found an object with {_quoted(values)}: send strings'
        )
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{where}: expected base64 of UTF-8 text, found {error}: encode the text again") from None


def _is_by_name(values: Any) -> bool:
    """Return whether `values` is an object with a value for each input. An object {"b64": …} is a text instead."""
    return isinstance(values, dict) and values.keys() != {BASE64}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in list(names)[:8]) or "none"


def status(model: Model, why_not: str | None) -> dict[str, Any]:
    """Return a model's readiness as JSON, with the fields of TensorFlow Serving and of KServe's version 1.

    `why_not` is the reason why the model is not ready, or None if it is ready.
    """
    code = "OK" if why_not is None else "UNAVAILABLE"
    return {
        "name": model.name,
        "ready": why_not is None,
        "model_version_status": [
            {
                "version": model.version,
                "state": "AVAILABLE" if why_not is None else "LOADING",
                "status": {"error_code": code, "error_message": why_not or ""},
            }
        ],
    }


def metadata(model: Model) -> dict[str, Any]:
    """Return the names, types and shapes of a model's inputs and outputs as JSON."""
    signature = {
        "inputs": _tensors(model.inputs.values()),
        "outputs": _tensors(model.outputs.values()),
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": model.version},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE_NAME: signature}}},
    }


def _tensors(tensors: Iterable[Tensor]) -> dict[str, Any]:
    return {
        tensor.name: {
            "dtype": tensor.datatype.tensorflow,
            "tensor_shape": {
                "dim": [{"size": str(axis), "name": ""} for axis in (-1, *tensor.shape)],
                "unknown_rank": False,
            },
            "name": tensor.name,
        }
        for tensor in tensors
    }
