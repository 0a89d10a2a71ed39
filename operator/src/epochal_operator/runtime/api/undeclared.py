"""Removes fields and values that the API server does not know, because the installed CRD may be of an earlier version.

For the messages of server-side apply see https://github.com/kubernetes-sigs/structured-merge-diff (typed/validate.go).
The API server sends them with status 500 (https://github.com/kubernetes/kubernetes/issues/139253).
"""

import re
from typing import Any

_UNDECLARED = "field not declared in schema"
_UNSUPPORTED = "Unsupported value"
"""Text in the API server's message for a value that is not in the CRD's enumeration."""
_ITEM = re.compile(r"\[[^\]]*\]")


def is_undeclared(message: str) -> bool:
    """Return whether a message of the API server reports a field that the schema does not declare."""
    return _UNDECLARED in message


def remove_undeclared(value: Any, message: str, path: str) -> tuple[Any, list[str]]:
    """Return a refused value without the undeclared fields, and the paths of these fields, with [] for any list item.

    A field whose value is not in the CRD's enumeration is removed, too, but only if it is a top-level field.

    Args:
        value: The refused value, as JSON.
        message: The API server's message. It names at most one field of each object, and list items by their keys.
        path: Path of the value in the object, such as .status.
    """
    names = re.findall(rf"[ \[]{re.escape(path.lstrip('.'))}\.(\w+): {_UNSUPPORTED}", message)
    if isinstance(value, dict) and (refused := [name for name in names if name in value]):
        kept = {name: part for name, part in value.items() if name not in refused}
        return kept, [f"{path}.{name}" for name in refused]
    return _remove(value, _ITEM.sub("[]", message), path)


def _remove(value: Any, message: str, path: str) -> tuple[Any, list[str]]:
    if isinstance(value, dict):
        kept, removed = {}, []
        for name, part in value.items():
            place = f"{path}.{name}"
            if f" {place}: {_UNDECLARED}" in message:
                removed.append(place)
                continue
            kept[name], nested = _remove(part, message, place)
            removed += nested
        return kept, removed
    if isinstance(value, list):
        pairs = [_remove(part, message, f"{path}[]") for part in value]
        return [part for part, _ in pairs], sorted({place for _, nested in pairs for place in nested})
    return value, []
