"""The base of every model of the API, and how a model says what only Kubernetes reads."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

CEL = "x-kubernetes-validations"
PRESERVE = "x-kubernetes-preserve-unknown-fields"


class Model(BaseModel):
    """A typed part of the API: camelCase on the wire, unknown fields refused, never changed once read."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        ser_json_inf_nan="strings",
        hide_input_in_errors=True,  # a file that holds a secret may be read in place of the right one
    )

    def dump(self) -> dict[str, Any]:
        """Returns the model as JSON-ready values, without what nobody set."""
        return self.model_dump(mode="json", exclude_none=True)


class StatusModel(Model):
    """A part of a status. Fields that another version of Epochal added are passed over; see also read_status."""

    model_config = ConfigDict(extra="ignore")


def field_errors(error: ValidationError, *, show_found: bool = False) -> list[str]:
    """Returns a line for each field that breaks a rule: its path, and the value that is expected.

    Args:
        error: The error of the whole document.
        show_found: Whether a line also has the value found. Never for a file: it may hold a secret in place of the
            document that is expected there.
    """
    lines = []
    for fault in error.errors(include_url=False):
        path = ""
        for part in fault["loc"]:
            path += f"[{part}]" if isinstance(part, int) else f".{part}"
        message = fault["msg"].removeprefix("Value error, ")
        found = fault["input"]
        shown = show_found and not isinstance(found, dict | list)
        where = f"{path.lstrip('.')}: " if path else ""
        lines.append(f"{where}{message}{f', found {str(found)[:80]!r}' if shown else ''}")
    return lines


class Rule(NamedTuple):
    """A CEL validation rule of the API server.

    Args:
        rule: The expression; `self` is the value the rule stands at.
        message: What must hold, shown to whoever broke the rule.
    """

    rule: str
    message: str

    def require(self, *, holds: bool, found: str = "") -> None:
        """Checks the rule where it is read, as the API server does where it is applied.

        Args:
            holds: Whether it holds.
            found: What breaks it, if the message is to tell.

        Raises:
            ValueError: If it does not hold.
        """
        if not holds:
            raise ValueError(f"{self.message}, found {found}" if found else self.message)


def cel(rules: Sequence[Rule], **extra: Any) -> dict[str, Any]:
    """Returns the schema keywords that make the API server check `rules`, along with any `extra` keywords."""
    return {CEL: [rule._asdict() for rule in rules], **extra}


def as_text(value: Any) -> Any:
    """Returns a number as text, for fields that hold text which YAML may give as a number; all else as it is."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def text_or_number(*, pattern: str, max_length: int) -> dict[str, Any]:
    """Returns the schema of text that may be written as a whole number."""
    return {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
        "pattern": pattern,
        "maxLength": max_length,
    }


LATER: Any = Field(json_schema_extra={"default": None})
"""Marks a field that came later and has a default, which the API server does not fill in: an operator or a trainer of
before it, which would refuse the field, takes what does not name it."""

BEGUN = "begun"
"""Name in the context of a validation: whether what is read has begun."""


def later_rule(check: Callable[[Any], Any]) -> AfterValidator:
    """Returns the validator of a rule that came later: what began without it goes on, since its fields cannot change.

    Args:
        check: Returns a value as it is, or raises ValueError.
    """

    def unless_begun(value: Any, info: ValidationInfo) -> Any:
        return value if info.context and info.context.get(BEGUN) else check(value)

    return AfterValidator(unless_begun)


QUANTITY_PATTERN = r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"

Quantity = Annotated[
    str,
    BeforeValidator(as_text),
    StringConstraints(pattern=QUANTITY_PATTERN, max_length=32),
    WithJsonSchema(text_or_number(pattern=QUANTITY_PATTERN, max_length=32)),
]
"""A Kubernetes resource quantity such as `500m` or `2Gi`; YAML may give it as a number."""

_SUFFIXED = re.compile(r"(?P<number>.+?)(?P<suffix>[KMGTPE]i|[numkKMGTPE]?)")
_POWERS = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def number_of(quantity: str) -> Decimal:
    """Returns the number that a Quantity stands for, as Kubernetes reads it."""
    found = _SUFFIXED.fullmatch(quantity)
    assert found is not None  # noqa: S101 - the model has refused all else
    suffix = found["suffix"]
    return Decimal(found["number"]) * Decimal(1024 if suffix.endswith("i") else 1000) ** _POWERS[suffix.rstrip("i")]


NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=NAME_PATTERN)]
"""The name of another Kubernetes object in the same namespace."""
