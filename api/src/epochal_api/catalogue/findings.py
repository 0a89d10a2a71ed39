"""The list of problems in a document, with bounds on their number and length."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.text import printable

MAX_PROBLEMS = 100
"""Maximum number of problems in a list. The last of them then gives the number of the others."""
MAX_LINES = 16
"""Maximum number of problems in a text."""
MAX_SHOWN = 100
"""Maximum characters of a key or a value in a path or a message."""
_MAX_HINTS = 20
"""Maximum number of hints that cost time: the search for similar names takes milliseconds."""
_MAX_LENGTH = 400
"""Maximum characters of a message and of a hint."""


class Problem(NamedTuple):
    """A part of a document that Epochal will refuse.

    Args:
        path: The field, such as spec.network.layers[3].kernel_size. A missing argument has the path of its object.
        message: The value found, and the requirement.
        hint: The remedy, or "".
        is_warning: Whether the training may work even so, because its image or its code may know other classes.
    """

    path: str
    message: str
    hint: str = ""
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f"; {self.hint}" if self.hint else "")


def to_text(problems: Sequence[Problem]) -> str:
    """Return the problems as text with a line for each, and at most MAX_LINES lines."""
    lines = [str(problem) for problem in problems[:MAX_LINES]]
    if len(problems) > MAX_LINES:
        lines.append(f"and {len(problems) - MAX_LINES} more problems")
    return "\n".join(lines)


class Findings:
    """Collects at most MAX_PROBLEMS problems of a document. It only counts the others, without their hints."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._omitted = 0
        self._hints = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no problem."""
        return not self._found

    def add(self, path: str, message: str, hint: str | Callable[[], str] = "") -> None:
        """Add a problem. A hint that costs time is given as a function."""
        if len(self._found) >= MAX_PROBLEMS - 1:
            self._omitted += 1
            return
        if not isinstance(hint, str):
            self._hints += 1
            hint = hint() if self._hints <= _MAX_HINTS else ""
        self._found.append(Problem(path, _line(message), _line(hint)))

    def extend(self, problems: Sequence[Problem]) -> None:
        """Add the problems of another list."""
        kept = problems[: max(0, MAX_PROBLEMS - 1 - len(self._found))]
        self._found += kept
        self._omitted += len(problems) - len(kept)

    def to_list(self, *, are_warnings: bool = False) -> list[Problem]:
        """Return the problems in the order in which they were added."""
        found = list(self._found)
        if self._omitted:
            found.append(Problem("spec", f"{self._omitted:,} more problems: correct the others first"))
        return [problem._replace(is_warning=True) for problem in found] if are_warnings else found


def field(path: str, key: object) -> str:
    """Return the path of a field of a mapping."""
    return f"{path}.{str(key)[:MAX_SHOWN]}" if path else str(key)[:MAX_SHOWN]


def item(path: str, index: int) -> str:
    """Return the path of an item of a list."""
    return f"{path}[{index}]"


def show(value: Any) -> str:
    """Return a short text of a value found in a document."""
    if isinstance(value, Mapping):
        return "a mapping"
    return repr(value[:MAX_SHOWN]) if isinstance(value, str) else f"{value!r:.{MAX_SHOWN}}"


def _line(text: str) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"
