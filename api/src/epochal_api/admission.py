"""Generates the rules of the chart's ValidatingAdmissionPolicy: python -m epochal_api.admission FILE.

A text that people write as a number, such as 0.2, has no type in the CRD, and CEL in a CRD cannot read a field without
a type. So the policy in the chart's templates/policy-rules.yaml requires quotes around the values of such fields, and
evaluates the rules of the API that read such a field.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from epochal_api.crd import EXPERIMENTS, TRAINING_JOBS, Kind, marked_schema
from epochal_api.model import ADMISSION, QUOTED, Rule, cel_text, short_text
from epochal_api.quoted import IN_QUOTES, MAX_EXACT

_KINDS = (EXPERIMENTS, TRAINING_JOBS)
_MAX_SHOWN = 3
"""Maximum number of problems in a message, which ends in the number of the other problems."""
_INTEGER = (
    f" || type(self) == int || (type(self) == double && self >= -{MAX_EXACT}.0 && self <= {MAX_EXACT}.0 "
    "&& self == double(int(self)))"
)
_FOUND = (
    "(type(self) == double || type(self) == int || type(self) == bool "
    "? 'REQUIRED, found ' + string(self) + ': write \"' + string(self) + '\"' "
    ": 'REQUIRED, found ' + (type(self) == list ? 'a list' : type(self) == map ? 'a map' : 'null'))"
).replace("REQUIRED", IN_QUOTES)
_MESSAGES = {
    "unquoted": f"spec: some values {IN_QUOTES}",
    "invalid": "spec: some values violate a rule of the API",
}
"""Messages by variable, which the API server prints if the message with details is too long or has several lines."""


class Check(NamedTuple):
    """A requirement for the value of a field.

    Args:
        path: The path of the field, with `[]` for the items of a list and `{}` for the values of a map.
        holds: CEL expression that is true if the field's value, `self`, meets the requirement.
        message: CEL expression of the error message for an invalid value `self`.
    """

    path: str
    holds: str
    message: str


def variables(kind: Kind) -> dict[str, str]:
    """Return the variables of a kind's policy: the CEL expression of each by its name.

    `unquoted` is the list of error messages for values without quotes, and `invalid` for values that violate a rule.
    """
    nodes = list(_nodes(marked_schema(kind.model)["properties"]["spec"], "spec"))
    quotes = [
        Check(path, f"type(self) == string{_INTEGER if node[QUOTED] else ''}", _FOUND)
        for path, node in nodes
        if QUOTED in node
    ]
    given = [(path, Rule(**rule)) for path, node in nodes for rule in node.get(ADMISSION, [])]
    rules = [Check(path, rule.rule, rule.message_expression) for path, rule in given]
    most = max(node["maxItems"] for path, node in nodes if _is_indexed(path, [*quotes, *rules]))
    return {
        # A comprehension of CEL over a list gives no positions.
        "indexes": f"[{','.join(map(str, range(most)))}]",
        "unquoted": _problems(quotes),
        # Rules compare numbers, and fail for values of other types.
        "invalid": f"variables.unquoted.size() > 0 ? [] : {_problems(rules)}",
    }


def fields(kind: Kind) -> list[str]:
    """Return the names of the top-level fields of a kind's spec that the policy checks.

    The policy skips an update that changes none of these fields.
    """
    nodes = list(_nodes(marked_schema(kind.model)["properties"]["spec"], "spec"))
    quoted = {path.split(".")[1].partition("[")[0] for path, node in nodes if QUOTED in node}
    of_spec = {name for rule in nodes[0][1].get(ADMISSION, []) for name in re.findall(r"\bself\.(\w+)", rule["rule"])}
    return sorted(quoted | of_spec)


def _nodes(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, sub in node.get("properties", {}).items():
        yield from _nodes(sub, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if key in node:
            yield from _nodes(node[key], f"{path}{mark}")


def _is_indexed(path: str, checks: list[Check]) -> bool:
    return any(each.path.startswith(f"{path}[]") and "[]" not in path for each in checks)


def _problems(checks: list[Check]) -> str:
    """Return the CEL expression of the list of the error messages of all checks."""
    return " + ".join(f"({_problems_of(each)})" for each in checks)


def _problems_of(check: Check) -> str:
    """Return the CEL expression of the list of the error messages of a check.

    A path with a list has at most one message for each item of its first list.
    """
    outer, _, inner = check.path.partition("[]")
    given, owner = _walk("object", outer)
    invalid = f"!({check.holds})"
    if outer == check.path:
        return f"{given} ? [{owner}].filter(self, {invalid}).map(self, {cel_text(f'{outer}: ')} + {check.message}) : []"
    names = inner.strip("[]{}")
    has_item, item = _walk(f"{owner}[index]", names)
    place = f"{cel_text(f'{outer}[')} + string(index) + {cel_text(f']{names}')}"
    if inner.endswith("{}"):
        is_invalid = f"{item}.exists(key, [{item}[key]].exists(self, {invalid}))"
        found = f"[{item}.filter(key, [{item}[key]].exists(self, {invalid}))[0]].map(key, "
        found += f"{place} + '.' + {short_text('key')} + ': ' + [{item}[key]].map(self, {check.message})[0])[0]"
    else:
        values = item if inner.endswith("[]") else f"[{item}]"
        is_invalid = f"{values}.exists(self, {invalid})"
        found = f"[{values}.filter(self, {invalid})[0]].map(self, {place} + ': ' + {check.message})[0]"
    indexes = f"variables.indexes.filter(index, index < {owner}.size() && {has_item} && {is_invalid})"
    return f"{given} ? {indexes}.map(index, {found}) : []"


def _walk(root: str, names: str) -> tuple[str, str]:
    """Return two CEL expressions for a field below `root`: whether the field is set, and its value."""
    given, node = [], root
    for name in filter(None, names.split(".")):
        node = f"{node}.{name}"
        given.append(f"has({node})")
    return " && ".join(given) or "true", node


def validations() -> list[dict[str, str]]:
    """Return the policy's validations. The API server prints only the message of the first failed one, in one line."""
    shown = (
        "variables.indexes.filter(index, index < {most} && index < {list}.size()).map(index, {list}[index]).join('; ')"
    )
    more = "({list}.size() > {most} ? '; and ' + string({list}.size() - {most}) + ' more' : '')"
    return [
        {
            "expression": f"variables.{name}.size() == 0",
            "message": message,
            "messageExpression": f"{shown} + {more}".format(most=_MAX_SHOWN, list=f"variables.{name}"),
        }
        for name, message in _MESSAGES.items()
    ]


def to_yaml() -> str:
    """Return the checked fields, the variables and the validations of each kind as YAML."""
    content = {
        kind.plural: {
            "fields": fields(kind),
            "variables": [{"name": name, "expression": text} for name, text in variables(kind).items()],
            "validations": validations(),
        }
        for kind in _KINDS
    }
    return "# Generated by `make manifests`: the rules of templates/policy-rules.yaml.\n" + yaml.safe_dump(
        content, sort_keys=False, width=10**6
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(to_yaml(), encoding="utf-8")
