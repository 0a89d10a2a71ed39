"""The page of the chart's values, from values.yaml, its comments and its schema."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from scripts.site.api import Schema, bounds, type_of
from scripts.site.cells import cell, code, table

HEADER = """# Chart values

The values of the chart, with their defaults. `helm show values charts/epochal` prints the same text.
[Operations](../operations.md) explains the important values, and [Chart](../../charts/epochal/README.md) the setup.

"""
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")


def page(chart: Path) -> str:
    """Return the page of all values of a chart."""
    values = yaml.safe_load((chart / "values.yaml").read_text())
    schema = json.loads((chart / "values.schema.json").read_text())
    comments = dict(_comments((chart / "values.yaml").read_text()))
    rows = _rows(values, schema, schema["definitions"], comments)
    return HEADER + table(("value", "type", "default", "meaning"), rows)


def _rows(
    values: Schema, schema: Schema, definitions: Schema, comments: dict[str, str], above: str = ""
) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        path, inner = f"{above}{key}", schema["properties"][key]
        inner = definitions[inner["$ref"].rpartition("/")[2]] | inner if "$ref" in inner else inner
        meaning = cell(comments.get(path) or inner["description"])
        if "properties" in inner and _has_parts(path, comments):
            if comments.get(path):
                yield code(path), "object", "", meaning
            yield from _rows(value, inner, definitions, comments, f"{path}.")
        else:
            default = code(json.dumps(value, ensure_ascii=False))
            yield code(path), type_of(inner), default, " ".join((meaning, *bounds(inner)))


def _has_parts(path: str, comments: dict[str, str]) -> bool:
    """Whether values.yaml explains the parts of a value."""
    return any(comments[other] for other in comments if other.startswith(f"{path}."))


def _comments(text: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each value, and the comment above it."""
    comment: list[str] = []
    path: list[str] = []
    for line in text.splitlines():
        if found := _KEY.match(line):
            path = [*path[: len(found["indent"]) // 2], found["key"]]
            yield ".".join(path), " ".join(comment)
            comment = []
        elif line.lstrip().startswith("#"):
            comment.append(line.lstrip("# "))
        else:
            comment = []
