"""Python code as a tree of expressions, laid out as ruff and black do.

A text of a TrainingJob enters the code only as a literal, by `literal`. Names of functions and arguments come from the
catalogue of Keras, and `call` refuses any name that is no identifier.
"""

import keyword
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

WIDTH = 88
"""Maximum length of a line, as black's default."""
_INDENT = 4


@dataclass(frozen=True)
class Group:
    """Code in brackets, which may take several lines.

    Args:
        head: The code up to the opening bracket.
        items: The parts in the brackets, each with its label, such as "units=".
        tail: The code from the closing bracket on.
    """

    head: str
    items: Sequence[tuple[str, "Expression"]]
    tail: str

    def __str__(self) -> str:
        return f"{self.head}{self._inner}{self.tail}"

    @property
    def _inner(self) -> str:
        return ", ".join(f"{label}{item}" for label, item in self.items)


@dataclass(frozen=True)
class Applied:
    """A call of the result of a call, as in layers.Dense(10)(inputs).

    Args:
        made: The first call.
        arguments: The arguments of the second call, in brackets.
    """

    made: Group
    arguments: Group

    def __str__(self) -> str:
        return f"{self.made}{self.arguments}"

    def grouped(self, room: int) -> Group:
        """Return the brackets to break, as black does: the second ones, if the first call fits into `room`."""
        made, arguments = self.made, self.arguments
        if len(str(made)) + len(arguments.head) <= room:
            return Group(f"{made}{arguments.head}", arguments.items, arguments.tail)
        return Group(made.head, made.items, f"{made.tail}{arguments}")


Expression: TypeAlias = str | Group | Applied
"""Code on one line, code in brackets, or a call of the result of a call."""


def call(function: str, arguments: Mapping[str, Expression] | None = None, *positional: Expression) -> Group:
    """Return the code `function(positional, name=argument)`.

    Raises:
        ValueError: If the function or an argument is no identifier.
    """
    names = [*function.split("."), *(arguments or {})]
    if (wrong := next((name for name in names if not is_identifier(name)), None)) is not None:
        raise ValueError(f"{wrong!r} is no name in Python")
    items = [("", item) for item in positional] + [(f"{key}=", item) for key, item in (arguments or {}).items()]
    return Group(f"{function}(", items, ")")


def is_identifier(name: str) -> bool:
    """Return whether a text is a name in Python, in ASCII: Python treats some other characters as equal."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def items(values: Iterable[Expression]) -> Group:
    """Return the code of a list display."""
    return Group("[", [("", value) for value in values], "]")


def literal(value: Any) -> Expression:
    """Return a value of JSON as code.

    Raises:
        TypeError: If it is no value of JSON.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int):
        return hex(value) if value.bit_length() > _MAX_BITS else repr(value)  # Python limits decimal digits
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if isinstance(value, Mapping):
        return Group("{", [(f"{_text(str(key))}: ", literal(item)) for key, item in value.items()], "}")
    if isinstance(value, Sequence):
        return items(literal(item) for item in value)
    raise TypeError(f"expected a value of JSON, found {type(value).__name__}")


_MAX_BITS = 1000


def _text(text: str) -> str:
    """Return a text as a literal, in double quotes if these need no escape."""
    code = repr(text)
    return code if '"' in text else f'"{code[1:-1]}"'


def assign(target: str, value: Expression, *, indent: int = 0) -> str:
    """Return the lines of an assignment."""
    return _statement(f"{target} = ", value, indent)


def statement(value: Expression, *, indent: int = 0) -> str:
    """Return the lines of an expression statement."""
    return _statement("", value, indent)


def _statement(label: str, value: Expression, indent: int) -> str:
    return f"{' ' * indent}{label}{_layout(value, indent, indent + len(label), 0)}"


def _layout(value: Expression, indent: int, before: int, after: int) -> str:
    """Return an expression, in lines if it is too long.

    Args:
        value: The expression.
        indent: Indentation of the line that it begins in.
        before: Characters before it in this line.
        after: Characters after it in its last line.
    """
    flat = str(value)
    if isinstance(value, str) or before + len(flat) + after <= WIDTH:
        return flat
    if isinstance(value, Applied):
        value = value.grouped(WIDTH - before)
    if not value.items:
        return flat
    inner = indent + _INDENT
    pad = " " * inner
    content = ", ".join(f"{label}{item}" for label, item in value.items)
    is_display = value.head in ("[", "{", "(") and len(value.items) > 1
    if not is_display and inner + len(content) <= WIDTH:
        lines = [f"{pad}{content}"]
    else:
        lines = [
            f"{pad}{label}{_layout(item, inner, inner + len(label), 1)},"  # with the comma
            for label, item in value.items
        ]
    return "\n".join([value.head, *lines, f"{' ' * indent}{value.tail}"])
