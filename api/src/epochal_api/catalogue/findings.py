"""The problems found in a document. Their number, and the length of each, are limited."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.text import printable

MAX_PROBLEMS = 100
"""Maximum number of problems in a list. If there are more, the last entry gives the number of omitted problems."""
MAX_LINES = 16
"""Maximum number of problems in a text that `to_text` returns."""
_MAX_BYTES = 6 * 1024
"""Maximum bytes of the problems in that text, so that the operator's conditions have room for its last line."""
MAX_SHOWN = 100
"""Maximum characters of a key or a value in a path or a message. Longer texts are cut."""
_MAX_HINTS = 20
"""Maximum number of computed hints: the search for similar names takes milliseconds. Further problems get no computed
hint."""
_MAX_LENGTH = 400
"""Maximum characters of a message, and of a hint. Longer texts are cut."""


class Problem(NamedTuple):
    """A problem of a field of a document: an error, for which Epochal refuses the document, or a warning.

    Args:
        path: The field, such as spec.network.layers[3].kernel_size. A missing argument has the path of its object.
        message: The value found, and the requirement.
        hint: The remedy, or "".
        is_warning: The training may accept the field, because its own image or code may have other Keras classes.
    """

    path: str
    message: str
    hint: str = ""
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f"; {self.hint}" if self.hint else "")


def to_text(problems: Sequence[Problem]) -> str:
    """Return the first problems as text, one per line, and a last line with the number of the others.

    The text has at most MAX_LINES problems, and at most _MAX_BYTES of them.
    """
    lines, size = list[str](), 0
    for problem in problems[:MAX_LINES]:
        line = str(problem)
        size += len(line.encode(errors="replace")) + 1
        if size > _MAX_BYTES:
            break
        lines.append(line)
    if more := len(problems) - len(lines):
        lines.append(f"and {more} more problem{'' if more == 1 else 's'}")
    return "\n".join(lines)


class Findings:
    """Collects the problems of a document. It stores fewer than MAX_PROBLEMS, and only counts the others."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._omitted = 0
        self._hints = 0

    @property
    def is_empty(self) -> bool:
        """Whether no problem was added."""
        return not self._found

    def add(self, path: str, message: str, hint: str | Callable[[], str] = "") -> None:
        """Add a problem. A hint that takes time is a function, which is called at most _MAX_HINTS times in all."""
        if len(self._found) >= MAX_PROBLEMS - 1:
            self._omitted += 1
            return
        if not isinstance(hint, str):
            self._hints += 1
            hint = hint() if self._hints <= _MAX_HINTS else ""
        self._found.append(Problem(path, _line(message), _line(hint)))

    def extend(self, problems: Sequence[Problem]) -> None:
        """Add a list of problems; those beyond the limit are only counted."""
        kept = problems[: max(0, MAX_PROBLEMS - 1 - len(self._found))]
        self._found += kept
        self._omitted += len(problems) - len(kept)

    def to_list(self, *, are_warnings: bool = False) -> list[Problem]:
        """Return the problems in the order in which they were added, and then one with the number of omitted problems.

        `are_warnings` marks all of them as warnings. The last one is a warning if all others are, because errors are
        added first.
        """
        found = list(self._found)
        if self._omitted:
            is_warning = all(problem.is_warning for problem in found)
            message = f"{self._omitted:,} more problems: correct the others first"
            found.append(Problem("spec", message, is_warning=is_warning))
        return [problem._replace(is_warning=True) for problem in found] if are_warnings else found


def field(path: str, key: object) -> str:
    """Return the path of a field of a mapping."""
    return f"{path}.{str(key)[:MAX_SHOWN]}" if path else str(key)[:MAX_SHOWN]


def item(path: str, index: int) -> str:
    """Return the path of an item of a list."""
    return f"{path}[{index}]"


def show(value: Any) -> str:
    """Return a value of a document as short text for a message."""
    if isinstance(value, Mapping):
        return "a mapping"
    return repr(value[:MAX_SHOWN]) if isinstance(value, str) else f"{value!r:.{MAX_SHOWN}}"


def _line(text: str) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"
