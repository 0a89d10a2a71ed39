"""Shared parts of the operations of all protocols."""

import math
from collections.abc import Sequence
from typing import Any

from epochal_server.tensors import Tensor

JSON = "application/json"
ANY = 4
"""Length of an axis of any length in an example."""
MOST_VALUES = 1024
"""Maximum number of values in an example. Larger inputs have no example."""
REFUSALS = (400, 401, 403, 404, 413, 429, 503)
_WHEN = {
    400: "The request is not as it must be: the message says what was expected, what was found, and what to do.",
    401: "It bears no key, or none that is known.",
    403: "A web page of another origin sends it, to a server without keys.",
    404: "What it names is not served here.",
    413: "It is over a limit of the ModelServer.",
    429: "As many requests wait as may: try again in `Retry-After` seconds.",
    503: "The server is about to end, or not ready yet.",
}

Schema = dict[str, Any]


def operation(
    tag: str,
    summary: str,
    description: str = "",
    *,
    parameters: Sequence[Schema] = (),
    body: Schema | None = None,
    answer: Schema,
    refusals: str = "",
) -> Schema:
    """Return an OpenAPI operation.

    Args:
        tag: Name of the protocol.
        summary: Short summary.
        description: Further description.
        parameters: Parameters of the operation.
        body: Content of the request's body, by media type.
        answer: Content of the response's body, by media type.
        refusals: Prefix of the names of the protocol's error responses.
    """
    told: Schema = {"tags": [tag], "summary": summary}
    if description:
        told["description"] = description
    if parameters:
        told["parameters"] = list(parameters)
    if body is not None:
        told["requestBody"] = {"required": True, "content": body}
    refused = {str(status): {"$ref": f"#/components/responses/{refusals}{status}"} for status in REFUSALS}
    return told | {"responses": {"200": {"description": "The answer.", "content": answer}} | refused}


def json(schema: Schema, **examples: Any) -> Schema:
    """Return the content of a JSON body.

    Args:
        schema: Schema of the JSON.
        **examples: Examples by name; empty examples are left out.
    """
    kept = {name: {"summary": name.replace("_", " "), "value": value} for name, value in examples.items() if value}
    if len(kept) == 1:
        return {JSON: {"schema": schema, "example": next(iter(kept.values()))["value"]}}
    return {JSON: {"schema": schema} | ({"examples": kept} if kept else {})}


def query(name: str, schema: Schema, description: str) -> Schema:
    """Return a parameter in the query of a URL."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def whole(properties: Schema, *required: str) -> Schema:
    """Return the schema of an object."""
    return {"type": "object", "properties": properties} | ({"required": list(required)} if required else {})


def each(schema: Schema, *, least: int = 0) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema} | ({"minItems": least} if least else {})


def value(tensor: Tensor) -> Schema:
    """Return the schema of one value of a tensor."""
    if tensor.text:
        return {"type": "string"}
    return {"type": {"b": "boolean", "f": "number"}.get(tensor.dtype.kind, "integer")}


def sample(tensor: Tensor) -> Schema:
    """Return the schema of a sample of a tensor, as nested lists."""
    schema = value(tensor)
    for axis in reversed(tensor.shape):
        schema = {"type": "array", "items": schema} | ({"minItems": axis, "maxItems": axis} if axis >= 0 else {})
    return schema


def samples(tensor: Tensor) -> Schema:
    """Return the schema of samples of a tensor."""
    return each(sample(tensor), least=1)


def shape(tensor: Tensor) -> list[int]:
    """Return the shape of a sample in examples."""
    return [ANY if axis < 0 else axis for axis in tensor.shape]


def fits(*tensors: Tensor) -> bool:
    """Return whether samples of tensors are small enough for examples."""
    return sum(math.prod(shape(tensor)) for tensor in tensors) <= MOST_VALUES


def flat(tensor: Tensor) -> list[Any]:
    """Return the values of a sample in examples."""
    one = "text" if tensor.text else {"b": True, "f": 0.5}.get(tensor.dtype.kind, 1)
    return [one] * math.prod(shape(tensor))


def nested(tensor: Tensor) -> Any:
    """Return a sample in examples, as nested lists."""
    found: Any = flat(tensor)[:1]
    if not found:
        return []
    found = found[0]
    for axis in reversed(shape(tensor)):
        found = [found] * axis
    return found


def responses() -> Schema:
    """Return the error responses: one form for Watson, another for all other protocols."""
    forms = {"": "Refusal", "watson": "WatsonRefusal"}
    return {
        f"{prefix}{status}": {
            "description": _WHEN[status],
            "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}},
        }
        for prefix, name in forms.items()
        for status in REFUSALS
    }


def schemas() -> Schema:
    """Return the schemas of error responses."""
    text = {"type": "string"}
    return {
        "Refusal": whole({"error": text}, "error"),
        "WatsonRefusal": whole(
            {
                "trace": text,
                "errors": each(whole({"code": text, "message": text}, "code", "message")),
                "status_code": {"type": "integer"},
            },
            "trace",
            "errors",
        ),
    }
