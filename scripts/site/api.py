"""The pages of the kinds, from the schemas of their CustomResourceDefinitions."""

import json
from collections.abc import Iterator
from typing import Any

from epochal_api.crd import KINDS, Kind, marked_schema
from epochal_api.kind import API_VERSION
from epochal_api.model import ADMISSION
from epochal_api.trainingjob.spec import TrainingJob

from scripts.site.cells import cell, code, table

Schema = dict[str, Any]

_GUIDES = {"TrainingJob": "trainingjob.md", "Experiment": "experiments.md", "ModelServer": "serving.md"}
_HEADS = ("field", "type", "default", "meaning")
_BOUNDS = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", "characters"),
    ("minItems", "maxItems", "items"),
    ("minProperties", "maxProperties", "keys"),
)


def pages() -> dict[str, str]:
    """Return the page of each kind by the name of its file."""
    return {f"{kind.model.__name__.lower()}.md": _page(kind) for kind in KINDS}


def _page(kind: Kind) -> str:
    name = kind.model.__name__
    whole = marked_schema(kind.model)
    job = marked_schema(TrainingJob)["properties"]["spec"]
    parts = [
        f"# {name}\n",
        f"{cell(whole['description'])}\n",
        f"`apiVersion: {API_VERSION}`, `kind: {name}`. [The guide](../{_GUIDES[name]}) has examples.\n",
        f"`kubectl explain {kind.short}.spec --recursive` lists the same fields. `*` marks a required field.\n",
    ]
    for top in ("spec", "status"):
        parts += [f"## {top}\n", f"{cell(whole['properties'][top].get('description', ''))}\n"]
        parts += _sections(top, whole["properties"][top], job if name != "TrainingJob" else {})
    columns = ((cell(column["name"]), code(column["jsonPath"]), cell(column["description"])) for column in kind.columns)
    parts += ["## Columns of kubectl get\n", table(("column", "field", "meaning"), columns)]
    return "\n".join(parts)


def _sections(top: str, node: Schema, job: Schema) -> Iterator[str]:
    """Yield a table of the simple fields, then a section for each field with fields of its own."""
    required = node.get("required", [])
    simple = {name: sub for name, sub in node["properties"].items() if not list(_children(sub))}
    if simple:
        yield table(_HEADS, (_row(name, sub, name in required) for name, sub in simple.items()))
    for name, sub in node["properties"].items():
        if name not in simple:
            yield f"### {top}.{name}\n"
            yield _described(sub, name in required)
            yield table(_HEADS, _rows("", sub, job))


def _described(node: Schema, is_required: bool) -> str:  # noqa: FBT001 - as a column of the tables
    facts = f"{type_of(node)}{', required' if is_required else ''}"
    return f"{_meaning(node)} ({facts})\n"


def _rows(prefix: str, node: Schema, job: Schema) -> Iterator[tuple[str, ...]]:
    """Yield the rows of all fields below a node, in the order of the model."""
    for step, fields in _children(node):
        for name, sub in fields["properties"].items():
            path = f"{prefix}{step}{name}"
            if sub.get("properties") and sub.get("properties", {}).keys() == job.get("properties", {}).keys():
                yield (
                    code(path),
                    "object",
                    "",
                    f"{_meaning(sub)} Fields: [spec of a TrainingJob](trainingjob.md#spec)",
                )
                continue
            yield _row(path, sub, name in fields.get("required", []))
            yield from _rows(f"{path}.", sub, job)


def _children(node: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield the nodes with fields of their own directly below a node: itself, its items or its values."""
    if node.get("properties"):
        yield "", node
    elif isinstance(node.get("items"), dict):
        yield from ((f"[].{step}", sub) for step, sub in _children(node["items"]))
    elif isinstance(node.get("additionalProperties"), dict):
        yield from ((f"{{key}}.{step}", sub) for step, sub in _children(node["additionalProperties"]))


def _row(path: str, node: Schema, is_required: bool) -> tuple[str, ...]:  # noqa: FBT001 - a column of the table
    default = code(json.dumps(node["default"], ensure_ascii=False)) if node.get("default") not in (None, {}) else ""
    path = path.replace(".[].", "[].").replace(".{key}.", ".KEY.")
    return code(path) + ("*" if is_required else ""), type_of(node), default, _meaning(node)


def _expected(rule: Schema) -> str:
    """Return the message of a rule without the found value."""
    if "message" in rule:
        return str(rule["message"])
    text: str = rule["messageExpression"]
    return text.partition(", found %s")[0].removeprefix("'").replace(r"\'", "'")


def _meaning(node: Schema) -> str:
    """Return the description, the bounds and the rules of a field."""
    found = [*node.get("x-kubernetes-validations", []), *node.get(ADMISSION, [])]
    rules = [cell(_expected(rule)) for rule in found]
    sentences = [cell(node.get("description", "")), *bounds(node)]
    if rules:
        sentences.append(f"Rules: {'; '.join(rules)}.")
    return " ".join(filter(None, sentences))


def type_of(node: Schema) -> str:
    """Return the type of a field, or its possible values."""
    if "enum" in node:
        return ", ".join(code(str(value)) for value in node["enum"])
    if node.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if isinstance(node.get("items"), dict):
        return f"list of {type_of(node['items'])}"
    if isinstance(node.get("additionalProperties"), dict):
        return f"map to {type_of(node['additionalProperties'])}"
    found = node.get("type", "any value")
    return found if isinstance(found, str) else " or ".join(found)


def bounds(node: Schema) -> Iterator[str]:
    """Yield a sentence with the bounds of a field and of its items, and one with its pattern."""
    found = list(_limits(node))
    for name in ("items", "additionalProperties"):
        inner = node.get(name)
        if isinstance(inner, dict) and not inner.get("properties"):
            found += [f"each {text}" for text in _limits(inner)]
    if found:
        yield f"Bounds: {', '.join(found)}."
    if "pattern" in node:
        yield f"Pattern: {code(node['pattern'])}."


def _limits(node: Schema) -> Iterator[str]:
    for lower, upper, unit in _BOUNDS:
        least, most = node.get(lower), node.get(upper)
        if least is not None and most is not None:
            yield f"{least} to {most} {unit}".strip()
        elif least:
            yield f"at least {least} {unit}".strip()
        elif most is not None:
            yield f"at most {most} {unit}".strip()
    if "exclusiveMinimum" in node:
        yield f"more than {node['exclusiveMinimum']}"
    if "exclusiveMaximum" in node:
        yield f"less than {node['exclusiveMaximum']}"
