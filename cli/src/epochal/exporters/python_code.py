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
"""Maximum characters of a line, as the default of black."""
_INDENT = 4


@dataclass(frozen=True)
class Group:
    """Code with brackets, which can be broken into several lines.

    Args:
        head: The code up to and including the opening bracket.
        items: The parts in the brackets, each with its label, such as "units=".
        tail: The closing bracket, and the code after it.
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
        made: The first call, such as layers.Dense(10).
        arguments: The arguments of the second call, in brackets, such as (inputs).
    """

    made: Group
    arguments: Group

    def __str__(self) -> str:
        return f"{self.made}{self.arguments}"

    def grouped(self, room: int) -> Group:
        """Return the brackets to break, as black does: those of the second call, if the first call fits into `room`."""
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
    """Return whether a text is a valid name in Python, in ASCII: Python treats some other characters as equal."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def items(values: Iterable[Expression]) -> Group:
    """Return the code of a list: [value, value]."""
    return Group("[", [("", value) for value in values], "]")


def literal(value: Any) -> Expression:
    """Return a JSON value as a Python literal.

    Raises:
        TypeError: If the value is no JSON value.
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
    """Return a text as a Python string literal, in double quotes unless the text contains a double quote."""
    code = repr(text)
    return code if '"' in text else f'"{code[1:-1]}"'


def assign(target: str, value: Expression, *, indent: int = 0) -> str:
    """Return the code `target = value`, broken into lines if it is too long."""
    return _statement(f"{target} = ", value, indent)


def statement(value: Expression, *, indent: int = 0) -> str:
    """Return an expression as a statement, broken into lines if it is too long."""
    return _statement("", value, indent)


def _statement(label: str, value: Expression, indent: int) -> str:
    return f"{' ' * indent}{label}{_layout(value, indent, indent + len(label), 0)}"


def _layout(value: Expression, indent: int, before: int, after: int) -> str:
    """Return the code of an expression, broken into lines if it is too long.

    Args:
        value: The expression.
        indent: Indentation of the line in which the expression begins.
        before: Number of characters before the expression in this line.
        after: Number of characters after the expression in its last line.
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
