"""Parses the API server's JSON within bounds: a spec that is too deep or too large is never parsed.

A user who writes an object chooses its content, and neither a schema nor CEL limits the depth of fields unknown to the
schema. A thousand nested lists overflow a recursive parser. A mebibyte of `[],[],` becomes 28 MiB of objects.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from epochal_lib.json_spans import JsonText, shallow

Object = dict[str, Any]

SPEC_OMITTED = "epochal.dev/spec-omitted"
"""Field that the reader adds to an object if its spec was left out: the reason, with the limit and the found value."""

RAW_JSON = "epochal.dev/raw-json"
"""Field that the reader adds to the object in a watch line for kopf: the whole object as JSON text."""
RAW_JSON_BYTES = 16 * 1024
"""Size in bytes above which the object in a watch line is kept as text."""

MAX_METADATA_BYTES = 16 * 1024
"""Maximum size in bytes of a metadata, spec or status field that is kept of an object beyond the bounds."""

_HTML_ESCAPES = (rb"\u003c", rb"\u003e", rb"\u0026")
"""Escapes that the API server writes for <, > and &."""

METADATA_FIELDS = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)
"""Fields of an object's metadata whose size the API server limits."""
_METADATA = frozenset({*METADATA_FIELDS, "labels", "annotations", "ownerReferences", "managedFields", "continue"})


@dataclass(frozen=True)
class Bounds:
    """Limits for parsing an object.

    Args:
        part_bytes: Maximum bytes of JSON in the spec or another part of the object.
        part_levels: Maximum nesting of lists and objects in such a part.
        conditions: Types of the conditions that are kept of a status beyond the bounds. Other writers may add
            conditions.
        domains: Prefixes of the labels and annotations that are kept if the labels or annotations are too large.
    """

    part_bytes: int = 128 * 1024
    part_levels: int = 100
    conditions: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()


def union(bounds: Iterable[Bounds]) -> Bounds:
    """Return the smallest bounds that admit each object that any of the given bounds admits."""
    parts = list(bounds) or [Bounds()]
    return Bounds(
        part_bytes=max(part.part_bytes for part in parts),
        part_levels=max(part.part_levels for part in parts),
        conditions=frozenset().union(*(part.conditions for part in parts)),
        domains=tuple(dict.fromkeys(domain for part in parts for domain in part.domains)),
    )


class BoundedReader:
    """Parses responses of the API server. An object above the limits of size or depth keeps only small fields."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    def read(self, data: bytes) -> Any:
        """Return the parsed JSON of a response: an object, a list of objects, or a line of a watch.

        An object beyond the bounds contains only the known metadata fields. If its spec is beyond the bounds, it
        contains only the spec's plain fields, and the reason in the field SPEC_OMITTED. If its status is beyond the
        bounds, it contains only the status fields that Epochal itself writes.

        Raises:
            ValueError: If the response is not valid JSON.
        """
        if self._within_bounds(data):
            return json.loads(data)
        text = JsonText(data, self._bounds.part_levels)
        start = text.skip(0)
        if not text.is_object(start):
            text.value(start)  # raises if the value is too deep for the parser
            return json.loads(data)
        fields: dict[str, int] = {}
        items: list[Object] | None = None
        for name, at in text.fields(start):
            if name == "items":  # Parse the items in sequence: a search for their end would scan them twice.
                items = [self._object(text, element) for element in text.elements(at)]
            else:
                fields[name] = at
        if items is not None:
            metadata = self._metadata(text, fields["metadata"]) if "metadata" in fields else {}
            return _plain_fields(text, start) | {"metadata": metadata, "items": items}
        if "object" in fields:
            return _plain_fields(text, start) | {"object": self._object(text, fields["object"])}
        return self._object(text, start) if "metadata" in fields else text.value(start)  # else API discovery

    async def watch_lines(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the lines of a watch for kopf. In a large line, the object is reduced to a JSON text (RAW_JSON).

        kopf may keep parsed lines for a while, and the writes of one second would take too much memory as parsed
        objects. `parse_raw_json` parses the text.
        """
        async for line in split_lines(chunks):
            if len(line) <= RAW_JSON_BYTES and self._within_bounds(line):
                yield line
                continue
            event = self.read(line)
            obj = event["object"]
            outline = {name: obj[name] for name in ("apiVersion", "kind") if name in obj}
            metadata = {name: text for name, text in obj.get("metadata", {}).items() if isinstance(text, str)}
            yield json.dumps(event | {"object": outline | {"metadata": metadata, RAW_JSON: json.dumps(obj)}}).encode()

    def _within_bounds(self, data: bytes) -> bool:
        return len(data) <= self._bounds.part_bytes and shallow(self._bounds.part_levels).match(data) is not None

    def _object(self, text: JsonText, start: int) -> Object:
        span = text.span(start)
        if span.size <= self._bounds.part_bytes and not text.is_too_deep(span):
            return dict(text.value(start))
        result: Object = {}
        errors: list[str] = []
        for name, at in text.fields(start):
            if name == "metadata":
                result[name] = self._metadata(text, at)
            elif not (error := self._error(name, text, at)):
                result[name] = text.value(at)
            elif name == "status":  # Other writers may add to the status, so the object's spec is still valid.
                result[name] = self._own_status(text, at)
            else:
                errors.append(error)
                result[name] = _plain_fields(text, at)
        return result | ({SPEC_OMITTED: "\n".join(errors)} if errors else {})

    def _error(self, name: str, text: JsonText, start: int) -> str | None:
        """Return the reason why a part of an object, such as its spec, exceeds the bounds, or None."""
        span = text.span(start)
        if text.is_too_deep(span):
            depths = [(text.span(at).depth, f"{name}.{field}") for field, at in text.fields(start)]
            deepest, levels = max(depths, default=(0, name))[1], self._bounds.part_levels
            return f"{deepest}: must be nested at most {levels} levels deep within {name}, found {span.depth}"
        size = span.size - sum(
            text.data.count(escape, span.start, span.end) * (len(escape) - 1) for escape in _HTML_ESCAPES
        )
        if size > self._bounds.part_bytes:
            advice = ": use fewer layers" if name == "spec" else ""
            return f"{name}: must fit in {self._bounds.part_bytes} bytes as JSON, found {size}{advice}"
        return None

    def _metadata(self, text: JsonText, start: int) -> Object:
        """Return the known metadata fields that are within the bounds, and of larger mappings the keys in `domains`.

        managedFields are as deep as the spec, and may exceed the bounds.
        """
        result: Object = {}
        for name, at in text.fields(start):
            span = text.span(at)
            if name not in _METADATA or text.is_too_deep(span):
                continue
            if span.size <= MAX_METADATA_BYTES:
                result[name] = text.value(at)
            elif text.is_object(at):
                own = ((key, value) for key, value in text.fields(at) if key.startswith(self._bounds.domains))
                result[name] = {key: text.value(value) for key, value in own}
        return result

    def _own_status(self, text: JsonText, start: int) -> Object:
        """Return the status fields that Epochal may have written: short fields, and its own conditions."""
        result: Object = {}
        for name, at in text.fields(start):
            span = text.span(at)
            if name == "conditions":
                conditions = (_plain_fields(text, element) for element in text.elements(at))
                result[name] = [found for found in conditions if found.get("type") in self._bounds.conditions]
            elif span.size <= MAX_METADATA_BYTES and not text.is_too_deep(span):
                result[name] = text.value(at)
        return result


def parse_raw_json(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object of a watch event; if `watch_lines` reduced it to a JSON text, return the parsed text."""
    return dict(json.loads(obj[RAW_JSON])) if RAW_JSON in obj else obj  # within the bounds, as `watch_lines` made it


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the non-empty lines of a response body, of any length, without their newlines."""
    rest = bytearray()
    async for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for part in whole:
            rest += part
            if rest:
                yield bytes(rest)
            rest.clear()
        rest += last
    if rest:
        yield bytes(rest)


def _plain_fields(text: JsonText, start: int) -> Object:
    """Return the fields of an object that are numbers, booleans, nulls or short texts."""
    spans = ((name, text.span(at)) for name, at in text.fields(start))
    return {name: text.value(span.start) for name, span in spans if span.depth == 0 and span.size <= MAX_METADATA_BYTES}
