"""Compact specs: a spec stored as JSON text takes a fraction of its parsed size in memory."""

import json
from typing import Any

from epochal_operator.runtime.resource import Object

_TEXT = "text"
"""Field of a cached object that contains its spec as JSON."""


def packed(spec: Object) -> dict[str, Any]:
    """Return a field that contains a spec as JSON text."""
    text = json.dumps(spec, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
    return {_TEXT: text}


def whole(document: Object) -> dict[str, Any]:
    """Return an object with its spec parsed from the text."""
    return {name: value for name, value in document.items() if name != _TEXT} | {"spec": json.loads(document[_TEXT])}
