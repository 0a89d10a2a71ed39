"""Compares values with the structural schema of a CRD, without a cluster; `schema` evaluates its CEL rules.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError

Object = Mapping[str, Any]

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "string": str,
}


def mismatches(schema: Object, value: Any, place: str = "") -> Iterator[str]:
    """Yields the types, fields and limits that a value violates, nearly in the words of the API server."""
    expected = schema.get("type")
    if value is None and schema.get("nullable"):
        return
    if expected and (not isinstance(value, _TYPES[expected]) or (isinstance(value, bool) and expected != "boolean")):
        yield f"{place}: must be of type {expected}, found {value!r}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: Unsupported value {value!r}: supported values: {', '.join(map(str, schema['enum']))}"
    match value:
        case dict():
            yield from _of_fields(schema, value, place)
        case list():
            yield from _of_size(schema, len(value), "Items", place)
            for index, item in enumerate(value):
                yield from mismatches(schema.get("items", {}), item, f"{place}[{index}]")
        case str():
            yield from _of_size(schema, len(value), "Length", place)
            if "pattern" in schema and not _matches(schema["pattern"], value):
                yield f"{place}: should match '{schema['pattern']}', found {value!r}"
        case int() | float():
            yield from _of_range(value, (schema.get("minimum"), schema.get("maximum")), place)


def _of_size(schema: Object, size: int, kind: str, place: str) -> Iterator[str]:
    limits = schema.get(f"min{kind}"), schema.get(f"max{kind}")
    return (f"{found} ({kind.lower()})" for found in _of_range(size, limits, place))


def _of_range(value: float, limits: tuple[float | None, float | None], place: str) -> Iterator[str]:
    least, most = limits
    if least is not None and value < least:
        yield f"{place}: should be greater than or equal to {least}, found {value}"
    if most is not None and value > most:
        yield f"{place}: should be less than or equal to {most}, found {value}"


def _of_fields(schema: Object, value: Object, place: str) -> Iterator[str]:
    fields, prefix = schema.get("properties", {}), f"{place}." if place else ""
    for name in schema.get("required", []):
        if name not in value:
            yield f"{prefix}{name}: Required value"
    if "oneOf" in schema and sum(all(name in value for name in each["required"]) for each in schema["oneOf"]) != 1:
        yield f"{place}: must validate one and only one schema (oneOf)"
    is_open = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    for name, inner in value.items():
        if name in fields:
            yield from mismatches(fields[name], inner, f"{prefix}{name}")
        elif fields and not is_open:  # kubectl asks the API server to refuse unknown fields
            yield f'unknown field "{prefix}{name}"'


def _matches(pattern: str, value: str) -> bool:
    """Returns whether a text matches a pattern with classes such as \\p{C}, which Python does not have."""
    try:
        _pattern_type(pattern).validate_python(value)
    except ValidationError:
        return False
    return True


@cache
def _pattern_type(pattern: str) -> TypeAdapter[str]:
    return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
