"""A spec as the text that it is: an object that is kept for long takes a fraction of the memory by it."""

import json
from typing import Any

from epochal_operator.runtime.resource import Object

_TEXT = "text"
"""Field of what is kept of an object: its spec as JSON."""


def packed(spec: Object) -> dict[str, Any]:
    """Returns the field that holds a spec as a text."""
    text = json.dumps(spec, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
    return {_TEXT: text}


def whole(document: Object) -> dict[str, Any]:
    """Returns an object with the whole of its spec."""
    return {name: value for name, value in document.items() if name != _TEXT} | {"spec": json.loads(document[_TEXT])}
