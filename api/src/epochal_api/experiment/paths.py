"""Paths to fields in the spec of a TrainingJob: training.optimizer.learning_rate, network.layers[conv1].filters.

A key follows a dot or is in brackets. The name of a list item (or the class of a callback) or its index selects the
item. A path leads to an existing value, to a field of the schema, or to an argument of a Keras class.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from heapq import nlargest
from operator import eq
from typing import Any

from epochal_api.model import PRESERVE
from epochal_api.suggestions import close_matches
from epochal_api.trainingjob.spec import TrainingJobSpec

Object = dict[str, Any]

MAX_NAMES = 20
"""Maximum number of names in a message. The number of the others follows."""
_MAX_COMPARED = 100
"""Maximum number of valid names with which an unknown name is compared: those with the most equal characters."""
_MAX_COMPARED_LENGTH = 64
"""Maximum characters of a compared name: the time of a comparison grows with the product of the lengths."""
_NAME_FIELDS = ("name", "callback")
"""The fields that name a list item."""
_PART = re.compile(r"\.([^.\[\]]+)|\[([^\[\]]+)\]")


class PathNotFound(ValueError):
    """No field has this path; the text contains the existing part of the path, and similar or valid names.

    Args:
        message: The existing part of the path, and the error.
        name: The unknown name after this part; "" for another error.
        known: The valid names there. `str` searches them for similar names, which takes milliseconds.
    """

    def __init__(self, message: str, name: str = "", known: Iterable[str] = ()) -> None:
        super().__init__(message)
        self._name, self._known = name, known

    def __str__(self) -> str:
        return f"{super().__str__()}{_did_you_mean(self._name, self._known) if self._name else ''}"


@dataclass(frozen=True)
class ResolvedPath:
    """The field of a spec to which a path leads.

    Args:
        steps: The keys and indices of the path. Two paths to the same place have equal steps.
        schema: JSON schema of the place; empty where any value is valid, as in arguments of Keras.
        value: The value at the place, else the default of the schema, else None.
        holders: The objects and lists along the path, outermost first, each with the key or index of the next step.
    """

    steps: tuple[str | int, ...]
    schema: Mapping[str, Any]
    value: Any
    holders: tuple[tuple[Any, str | int], ...]

    @property
    def is_set(self) -> bool:
        """Whether the spec sets the place. True for any field of the schema, since null equals a missing field."""
        holder, step = self.holders[-1]
        return self.value is not None or bool(self.schema) or isinstance(holder, list) or step in holder

    def renames(self, other: "ResolvedPath") -> bool:
        """Return whether this place is the `name` of a list item, and the other place is within the same item."""
        *item, key = self.steps
        named = bool(item) and isinstance(item[-1], int) and key in _NAME_FIELDS
        return named and len(other.steps) > len(item) and list(other.steps[: len(item)]) == item

    def overlaps(self, other: "ResolvedPath") -> bool:
        """Return whether the places are equal or one place contains the other."""
        shared = min(len(self.steps), len(other.steps))
        return self.steps[:shared] == other.steps[:shared]


Names = dict[int, dict[str, list[int]]]
"""By the id of a list: the indices of its items by name. So a search for many paths reads each list once."""


def resolve(spec: Mapping[str, Any], path: str, names: Names | None = None) -> ResolvedPath:
    """Return the place to which a path leads.

    Args:
        spec: The spec of a TrainingJob as JSON.
        path: The path.
        names: The index of the lists in this spec, to find many paths; None for a new index.

    Raises:
        PathNotFound: If the path leads to no field.
    """
    node: Any = spec
    schema = _schema()
    holders: list[tuple[Any, str | int]] = []
    so_far = ""
    for key, item in _parts(path):
        where = so_far or "spec"
        node = _as_object(node, schema)
        step: str | int
        match node:
            case Mapping():
                step = key or item
                schema = _field(node, schema, step, where)
                inner = node.get(step)
            case list() if item:
                step = _index(node, item, where, {} if names is None else names)
                schema = _resolved(schema.get("items", {}))
                inner = node[step]
            case list():
                raise PathNotFound(f"{where} is a list: select an item, such as {where}[0]{_item_names(node)}")
            case None:
                raise PathNotFound(f"{where} is not set in the template, so it has no field {key or item}")
            case _:
                raise PathNotFound(f"{where} is {str(node)!r:.80}, which has no field {key or item}")
        holders.append((node, step))
        node = schema.get("default") if inner is None else inner
        so_far += f"[{item}]" if item else f".{key}" if so_far else key
    return ResolvedPath(tuple(step for _, step in holders), schema, node, tuple(holders))


def with_value(spec: Mapping[str, Any], place: ResolvedPath, value: Any) -> Object:
    """Return a copy of a spec with a new value at a place; an optimizer given by name becomes an object.

    Args:
        spec: The spec of a TrainingJob as JSON; it is not modified.
        place: The place, found in this spec or in the spec from which it was copied: a list item may have another name
            now.
        value: The new value, as JSON.
    """
    return _rebuild(_holders(spec, place), value)


def without_field(spec: Mapping[str, Any], place: ResolvedPath) -> Object:
    """Return a copy of a spec without the field at a place."""
    *above, (holder, step) = _holders(spec, place)
    return _rebuild(above, {key: value for key, value in holder.items() if key != step})


def keras_class(spec: Mapping[str, Any], place: ResolvedPath) -> str | None:
    """Return the name of the Keras class that has the argument at a place; None if the place is no such argument."""
    holder, _ = _holders(spec, place)[-1]
    if not isinstance(holder, Mapping):
        return None
    return next((str(holder[key]) for key in ("layer", "callback", "name") if key in holder), None)


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message: similar names, or else the list of valid names."""
    names = list(known)
    start = name[:_MAX_COMPARED_LENGTH].lower()
    short = (each for each in names if len(each) <= _MAX_COMPARED_LENGTH)
    compared = nlargest(_MAX_COMPARED, short, key=lambda each: sum(map(eq, each.lower(), start)))
    if close := close_matches(start, compared):
        return f"; did you mean {' or '.join(close)}?"
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"; existing names: {', '.join(names[:MAX_NAMES])}{more}" if names else ""


def _holders(spec: Mapping[str, Any], place: ResolvedPath) -> list[tuple[Any, str | int]]:
    """Return the objects and lists of a spec along the path to a place, each with the next step.

    An object that the spec lacks is that of `place.holders`.
    """
    holders: list[tuple[Any, str | int]] = []
    node: Any = spec
    for holder, step in place.holders:
        current: Any = node if isinstance(node, Mapping | list) else holder
        holders.append((current, step))
        node = current.get(step) if isinstance(current, Mapping) else current[step]
    return holders


def _rebuild(holders: list[tuple[Any, str | int]], value: Any) -> Object:
    """Return a copy of the outermost of nested objects and lists, with a new value at the innermost."""
    for holder, step in reversed(holders):
        copy: Any = list(holder) if isinstance(holder, list) else dict(holder)
        copy[step] = value
        value = copy
    return dict(value)


def _parts(path: str) -> list[tuple[str, str]]:
    """Return the parts of a path: pairs of a key (after a dot) and an item (in brackets), one of which is empty."""
    parts, end = [], 0
    dotted = f".{path}"
    while end < len(dotted):
        part = _PART.match(dotted, end)
        if part is None:
            expected = "must be field names separated by dots, with list items in brackets: network.layers[0].units"
            raise PathNotFound(f"{expected}; found {path!r:.300}")
        parts.append((part[1] or "", part[2] or ""))
        end = part.end()
    return parts


def _as_object(node: Any, schema: Mapping[str, Any]) -> Any:
    """Return {name: NAME} for a name and {} for null, if the schema allows an object there; else the unchanged node."""
    if isinstance(node, str) and _is_open(schema) and "type" not in schema:
        return {"name": node}
    if node is None and (_is_open(schema) or schema.get("type") == "object"):
        return {}
    return node


def _field(node: Mapping[str, Any], schema: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """Return the schema of a field that an object has or may have; raise PathNotFound for an invalid field."""
    fields = schema.get("properties", {})
    if key in fields:
        return _resolved(fields[key])
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        return _resolved(others)
    if _is_open(schema) or not schema:
        return {}
    raise PathNotFound(f"{where} has no field {key}", key, {**fields, **node})


def _index(items: list[Any], item: str, where: str, names: Names) -> int:
    if id(items) not in names:
        names[id(items)] = {}
        for index, content in enumerate(items):
            for name in dict.fromkeys(_names(content)):
                names[id(items)].setdefault(name, []).append(index)
    indices = names[id(items)].get(item, [])
    if len(indices) > 1:
        raise PathNotFound(
            f"{where} has {len(indices)} items with the name {item}: select by index, such as {where}[{indices[0]}]"
        )
    if indices:
        return indices[0]
    if item.isascii() and item.isdecimal():
        # The chart's admission policy compares paths as text, so each item has one index.
        if item != str(int(item)):
            raise PathNotFound(f"{where}[{item}] must be an index without leading zeros: write {where}[{int(item)}]")
        if int(item) < len(items):
            return int(item)
        raise PathNotFound(f"{where} has {len(items)} items with indices from 0, found [{item}]")
    raise PathNotFound(f"{where} has no item {item}", item, names[id(items)])


def _names(item: Any) -> list[str]:
    """Return the names by which a path selects a list item: its `name`, its `callback`, or the item if it is a text."""
    if isinstance(item, str):
        return [item]
    if not isinstance(item, Mapping):
        return []
    return [item[key] for key in _NAME_FIELDS if isinstance(item.get(key), str)]


def _item_names(node: list[Any]) -> str:
    names = [name for item in node for name in _names(item)][:MAX_NAMES]
    return f", or by name: {', '.join(names)}" if names else ""


def _is_open(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get(PRESERVE))


@cache
def _schema() -> Mapping[str, Any]:
    return TrainingJobSpec.model_json_schema()


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema node with its reference resolved and without the option "or null"."""
    if "$ref" in node:
        target = _schema()["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        return _resolved({**target, **{key: value for key, value in node.items() if key != "$ref"}})
    options = [option for option in node.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        return _resolved({**options[0], **{key: value for key, value in node.items() if key != "anyOf"}})
    return node
