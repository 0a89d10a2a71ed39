"""Fields, and values of them, that the API server does not know: the installed CRD may be of an earlier version.

What server-side apply says of them: https://github.com/kubernetes-sigs/structured-merge-diff (typed/validate.go), as an
error 500 (https://github.com/kubernetes/kubernetes/issues/139253).
"""

import re
from typing import Any

_SAID = "field not declared in schema"
_UNSUPPORTED = "Unsupported value"
"""Said of a word that an enumeration lacks."""
_ITEM = re.compile(r"\[[^\]]*\]")


def is_undeclared(message: str) -> bool:
    """Returns whether the API server says of a field that its schema does not declare it."""
    return _SAID in message


def declared(value: Any, message: str, path: str) -> tuple[Any, list[str]]:
    """Leaves out what is not declared.

    Args:
        value: What was to be applied, as JSON.
        message: What the API server said. It names at most one field of each object, and those of a list by its items.
        path: Where in the whole object the value is, such as .status.

    Returns:
        The value without the fields that the message names, and their paths, in which [] stands for any item. Of a word
        that an enumeration lacks that is so for a field of the value itself.
    """
    words = re.findall(rf"[ \[]{re.escape(path.lstrip('.'))}\.(\w+): {_UNSUPPORTED}", message)
    if isinstance(value, dict) and (lacking := [name for name in words if name in value]):
        kept = {name: part for name, part in value.items() if name not in lacking}
        return kept, [f"{path}.{name}" for name in lacking]
    return _declared(value, _ITEM.sub("[]", message), path)


def _declared(value: Any, message: str, path: str) -> tuple[Any, list[str]]:
    if isinstance(value, dict):
        kept, left_out = {}, []
        for name, part in value.items():
            place = f"{path}.{name}"
            if f" {place}: {_SAID}" in message:
                left_out.append(place)
                continue
            kept[name], below = _declared(part, message, place)
            left_out += below
        return kept, left_out
    if isinstance(value, list):
        pairs = [_declared(part, message, f"{path}[]") for part in value]
        return [part for part, _ in pairs], sorted({place for _, below in pairs for place in below})
    return value, []
