"""Evaluates the CEL rules of a CRD schema without a cluster.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

import copy
from functools import cache
from typing import Any

import cel

Object = dict[str, Any]
_LIBRARY = {
    "split": lambda text, separator: text.split(separator),
    "format": lambda text, values: text % tuple(values),
}
"""Functions of Kubernetes that are not of CEL itself."""


def broken_rules(schema: Object, value: Any, old: Any | None = None) -> list[str]:
    """Returns the messages of the CEL rules that a value breaks, each with its path.

    Args:
        value: A value of it; what it leaves out is as by default.
        old: The value that it takes the place of, if there is one. Rules that compare both need one.
    """
    return list(_complaints(schema, with_defaults(schema, value), with_defaults(schema, old), ""))


def with_defaults(schema: Object, value: Any) -> Any:
    """Returns a value with the defaults that the API server would add."""
    match value:
        case dict():
            left_out = {
                name: copy.deepcopy(part["default"])
                for name, part in schema.get("properties", {}).items()
                if name not in value and "default" in part
            }
            return {name: with_defaults(_part(schema, name), part) for name, part in {**left_out, **value}.items()}
        case list():
            return [with_defaults(_part(schema, None), part) for part in value]
        case _:
            return value


def _part(schema: Object, name: str | None) -> Object:
    part: Object = schema.get("items", {})
    if name is not None:
        part = schema.get("properties", {}).get(name) or schema.get("additionalProperties", {})
    return part


def _declared(schema: Object, value: Any) -> Any:
    """Returns a value as the CEL of a CRD sees it: without fields that have no type, and lists and maps of such."""
    match value:
        case dict():
            parts = {name: _part(schema, name) for name in value}
            return {name: _declared(parts[name], value[name]) for name in value if _is_declared(parts[name])}
        case list():
            return [_declared(_part(schema, None), part) for part in value]
        case _:
            return value


def _is_declared(schema: Object) -> bool:
    inner = [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") and "type" not in schema
    return not is_open and all(map(_is_declared, inner))


def _complaints(schema: Object, value: Any, old: Any, place: str) -> list[str]:
    names = {"self": _declared(schema, value), "oldSelf": _declared(schema, old), **_LIBRARY}
    found = [
        f"{place.lstrip('.')}: {_message(rule, names)}"
        for rule in schema.get("x-kubernetes-validations", [])
        if ("oldSelf" not in rule["rule"] or old is not None) and _compiled(rule["rule"]).execute(names) is not True
    ]
    match value:
        case dict():
            before = old if isinstance(old, dict) else {}
            for name, part in value.items():
                found += _complaints(_part(schema, name), part, before.get(name), f"{place}.{name}")
        case list():
            for index, part in enumerate(value):
                found += _complaints(_part(schema, None), part, None, f"{place}[{index}]")
    return found


def _message(rule: Object, names: Object) -> Any:
    if "messageExpression" in rule:
        return _compiled(rule["messageExpression"]).execute(names)
    return rule["message"]


@cache
def _compiled(expression: str) -> cel.Program:
    return cel.compile(expression)
