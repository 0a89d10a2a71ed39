"""The protocol of Watson Machine Learning for online scoring, in version 4 (predictions) and 3 (online deployments).

https://cloud.ibm.com/apidocs/machine-learning#deployments-compute-predictions
"""

import math
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson

from epochal_server.model.datatypes import DATA_TYPES
from epochal_server.model.model import Arrays, Model, Tensor
from epochal_server.protocols import answer_size, class_names, json_body, json_values
from epochal_server.protocols.class_names import CLASS_NAMES
from epochal_server.protocols.classes import has_classes, predicted_classes
from epochal_server.protocols.json_values import json_blocks
from epochal_server.protocols.protocol import Body, Decoded, Endpoint, Protocol
from epochal_server.refusals import Invalid, Refused

PREDICTION, CLASS, PROBABILITY = "prediction", "prediction_classes", "probability"
LIST_VALUES = 16
"""Number of values that take as long to encode in JSON as the list around a row."""
MAX_ENTRIES = 1000
"""Maximum number of entries of input_data. More are refused: each takes as long as a hundred numbers, and a kilobyte of
memory."""
URL_PREFIXES = ("/ml", "")
"""URL prefixes of version 4. The API had no prefix in its first years, and old clients still send none."""
INSTANCE = "/v3/wml_instances/{instance}"
ERROR_CODES = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "invalid_request_entity",
        HTTPStatus.UNAUTHORIZED: "authentication_token_not_valid",
        HTTPStatus.FORBIDDEN: "forbidden",
        HTTPStatus.NOT_FOUND: "deployment_does_not_exist",
        HTTPStatus.REQUEST_TIMEOUT: "request_timeout",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_entity_too_large",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
        HTTPStatus.TOO_MANY_REQUESTS: "too_many_requests",
        HTTPStatus.SERVICE_UNAVAILABLE: "service_unavailable",
    }
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Part:
    """The number of samples in one entry of a request, and the entry's id. The response has an entry for them."""

    samples: int
    id: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """A decoded request: the model's inputs, and the division of the samples into entries of the response."""

    inputs: Arrays
    parts: tuple[Part, ...]


def protocol(model: Model) -> Protocol:
    """Return Watson's endpoints for a model. The deployment's name in URLs is the name of the ModelServer."""
    memory_factors = {named: _memory_factor(model, named=named) for named in (False, True)}

    def v4(body: bytes, _headers: Mapping[str, str], query: Mapping[str, str]) -> Decoded:
        check_version(query.get("version"))
        named = class_names.requested(query, model)
        request = decode_v4(body, model)
        return Decoded(request.inputs, memory_factors[named], partial(encode_v4, request, model, named=named))

    def v3(body: bytes, _headers: Mapping[str, str], query: Mapping[str, str]) -> Decoded:
        named = class_names.requested(query, model)
        request = decode_v3(body, model)
        return Decoded(request.inputs, memory_factors[named], partial(encode_v3, model, named=named))

    v4_paths = [f"{prefix}/v4/deployments/{{name}}/predictions" for prefix in URL_PREFIXES]
    v3_paths = [f"{INSTANCE}/{of}deployments/{{name}}/online" for of in ("", "published_models/{of}/")]
    return Protocol(
        [
            Endpoint(v4_paths, lambda _: "watson-v4", v4, partial(encode_error, status_code=True)),
            Endpoint(v3_paths, lambda _: "watson-v3", v3, partial(encode_error, status_code=False)),
        ]
    )


def encode_error(refused: Refused, *, status_code: bool) -> bytes:
    """Return the JSON body of the response to a refused request in Watson's form, with `status_code` in version 4."""
    error: dict[str, Any] = {
        "trace": secrets.token_hex(16),
        "errors": [{"code": ERROR_CODES.get(refused.status, "internal_error"), "message": refused.message}],
    }
    return orjson.dumps(error | ({"status_code": int(refused.status)} if status_code else {}))


def check_version(text: str | None) -> None:
    """Check that the query parameter `version` is a date, or missing. All dates select the same version of the API.

    Raises:
        Invalid: If the version is not a date.
    """
    if text is not None and not _DATE.fullmatch(text):
        raise Invalid(f"version: expected a date, found {text[:40]!r}: send ?version=YYYY-MM-DD")


def decode_v4(body: bytes, model: Model) -> Request:
    """Return the decoded request of API version 4.

    Args:
        body: The request's body: {"input_data": [{"fields": …, "values": …}]}. For a model with several inputs, each
            input has an entry whose id is the input's name. Alternatively, the fields of an entry are the names of the
            inputs.
        model: The model that the request is for.

    Raises:
        Invalid: If the body is not such a request, or does not match the model.
    """
    request = json_body.read(body)
    entries = json_body.field(request, "input_data", "input_data", of=list)
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        empty = "null" if entries is None else "an empty list"
        found = "a list of other values" if entries else empty
        raise Invalid(f'input_data: expected a list of objects with values, found {found}: send [{{"values": […]}}]')
    if len(entries) > MAX_ENTRIES:
        raise Invalid(
            f"input_data: expected at most {MAX_ENTRIES:,} entries, found {len(entries):,}: put the samples into the "
            "values of one entry, or send several requests"
        )
    ids = [json_body.field(entry, "id", f"input_data[{at}].id", of=str) for at, entry in enumerate(entries)]
    if len(model.inputs) > 1 and None not in ids and sorted(ids) == sorted(model.inputs):
        inputs = {
            model.inputs[name].name: _samples(entry.get("values"), model.inputs[name], f'"{name}": values')
            for name, entry in zip(ids, entries, strict=True)
        }
        return Request(inputs, (Part(len(next(iter(inputs.values()))), None),))
    each = [_inputs_of_entry(entry, model, f"input_data[{at}]") for at, entry in enumerate(entries)]
    parts = tuple(Part(len(next(iter(arrays.values()))), name) for arrays, name in zip(each, ids, strict=True))
    return Request({name: _concatenate([arrays[name] for arrays in each]) for name in model.inputs}, parts)


def decode_v3(body: bytes, model: Model) -> Request:
    """Return the decoded request of API version 3: a body like one entry of `input_data` in version 4.

    Raises:
        Invalid: If the body is not such a request, or does not match the model.
    """
    inputs = _inputs_of_entry(json_body.read(body), model, "body")
    return Request(inputs, (Part(len(next(iter(inputs.values()))), None),))


def encode_v4(request: Request, model: Model, answers: Arrays, *, named: bool = False) -> Body:
    """Return the response of API version 4, with the class name of each sample if `named`."""
    names = orjson.dumps(fields(model, named=named))
    parts, at = [b'{"predictions":['], 0
    for number, part in enumerate(request.parts):
        parts += (
            b"," if number else b"",
            b"{" if part.id is None else b'{"id":%b,' % orjson.dumps(part.id),
            b'"fields":%b,"values":' % names,
            *_rows(answers, model, at, at + part.samples, named=named),
            b"}",
        )
        at += part.samples
    parts.append(b"]}")
    return Body(b"".join(parts))


def encode_v3(model: Model, answers: Arrays, *, named: bool = False) -> Body:
    """Return the response of API version 3, with the class name of each sample if `named`."""
    rows = _rows(answers, model, 0, len(next(iter(answers.values()))), named=named)
    return Body(b"".join((b'{"fields":%b,"values":' % orjson.dumps(fields(model, named=named)), *rows, b"}")))


def _inputs_of_entry(entry: dict[str, Any], model: Model, where: str) -> Arrays:
    """Return the model's inputs from an entry of a request.

    `fields` of the entry names the input of each column of `values`. It is ignored if the model has only one input.
    """
    values = entry.get("values")
    if len(model.inputs) == 1:
        tensor = next(iter(model.inputs.values()))
        return {tensor.name: _samples(values, tensor, f"{where}: values")}
    fields = entry.get("fields")
    names = ", ".join(f'"{name}"' for name in model.inputs)
    # Clients use the columns of a table as fields. The names of columns may be numbers.
    columns = fields if isinstance(fields, list) and len(fields) == len(model.inputs) else []
    is_scalar = all(isinstance(column, str | int | float | None) for column in columns)
    field_names = [str(column) for column in columns] if is_scalar else []
    if sorted(field_names) != sorted(model.inputs):
        raise Invalid(
            f"{where}: expected the inputs {names}, each as an entry with its name as id, or all as fields of one "
            "entry, found neither: send one of these forms"
        )
    count = len(field_names)
    if not isinstance(values, list) or not all(isinstance(row, list) and len(row) == count for row in values):
        raise Invalid(f"{where}: values: expected rows of {count} values, found others: send a value for each field")
    by_name = {name: [row[at] for row in values] for at, name in enumerate(field_names)}
    return {
        name: _samples(by_name[name], tensor, f'{where}: values of "{name}"') for name, tensor in model.inputs.items()
    }


def _samples(values: Any, tensor: Tensor, where: str) -> np.ndarray:
    """Return the samples of one input as an array. If the input's shape is fixed, a sample may be a flat list."""
    samples = json_values.nested(values, tensor, where)
    size = math.prod(tensor.shape) if min(tensor.shape, default=1) > 0 else None
    if samples.ndim == 2 and len(tensor.shape) != 1 and size == samples.shape[1]:  # noqa: PLR2004 - a table
        return samples.reshape(-1, *tensor.shape)
    return samples


def _concatenate(arrays: Sequence[np.ndarray]) -> np.ndarray:
    if len(arrays) == 1:
        return arrays[0]
    if len(shapes := {array.shape[1:] for array in arrays}) > 1:
        two = " and ".join(str(list(shape)) for shape in sorted(shapes)[:2])
        raise Invalid(f"input_data: expected samples of equal shape, found {two}: send a request for each shape")
    return np.concatenate(arrays)


def fields(model: Model, *, named: bool = False) -> list[str]:
    """Return the field names in Watson's responses for a model's outputs, and for class names if `named`.

    Several outputs keep their names. A single output gets the names that deployments of Keras models use.
    """
    names = [CLASS_NAMES] if named else []
    if len(model.outputs) > 1:
        return [*model.outputs, *names]
    if not has_classes(model.first_output):
        return [PREDICTION]
    return [PREDICTION, CLASS, *([PROBABILITY] if model.signature.probabilities else ()), *names]


def _memory_factor(model: Model, *, named: bool = False) -> int:
    """Return the maximum bytes of outputs and response together, for each byte of the outputs.

    The response contains probabilities twice: as prediction and as probability. `named` adds class names.
    """
    row = class_names.name_bytes(model) if named else 0
    row += answer_size.LIST_BYTES + sum(map(answer_size.nested_bytes, model.outputs.values()))
    if len(model.outputs) == 1:
        first = model.first_output
        row += answer_size.nested_bytes(first) * (PROBABILITY in fields(model))
        row += DATA_TYPES[np.dtype("int64")].json_bytes * (CLASS in fields(model))
    return answer_size.memory_factor(model, row)


def _columns(answers: Arrays, model: Model, begin: int, end: int, *, named: bool) -> list[Any]:
    """Return the values of each of the response's `fields`, for the samples from `begin` to before `end`."""
    names = [class_names.names(answers, model, begin, end)] if named else []
    if len(model.outputs) > 1:
        return [*(json_values.jsonable(answers[name][begin:end]) for name in model.outputs), *names]
    output = next(iter(answers.values()))[begin:end]
    column = json_values.jsonable(output)
    return [*(predicted_classes(output) if name == CLASS else column for name in fields(model)), *names]


def _rows(answers: Arrays, model: Model, begin: int, end: int, *, named: bool) -> Iterator[bytes]:
    """Yield the JSON list with the response's row for each sample from `begin` to before `end`, in blocks."""
    width = sum(math.prod(answers[name].shape[1:]) for name in model.outputs) + LIST_VALUES

    def block(begin: int, end: int) -> list[tuple[Any, ...]]:
        return list(zip(*_columns(answers, model, begin, end, named=named), strict=True))

    return json_blocks(begin, end, width, block)
