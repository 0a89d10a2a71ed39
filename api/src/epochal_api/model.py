"""The base classes of all API models, and functions for the schema keywords that only Kubernetes evaluates."""

import re
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from epochal_api.expected_value import describe_pattern, expected_value, found_value
from epochal_api.text import PRINTABLE_PATTERN

CEL = "x-kubernetes-validations"
PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
QUOTED = "x-epochal-quoted"
"""Marks the schema of a text that people write as a number without quotes. The mark is true if an integer needs no
quotes. The CRD gives such a field no type, because the API server's message for a wrong type does not name the quotes,
and the chart's admission policy checks it. CEL in the CRD does not see a field without a type."""
ADMISSION = "x-epochal-admission"
"""The rules that read a QUOTED field. The chart's admission policy evaluates these rules in place of the CRD."""
_MAX_ERRORS = 1000
"""Maximum number of invalid fields with a line each. A hostile document of a few megabytes has millions of them."""


class Model(BaseModel):
    """A typed part of the API: camelCase in JSON, unknown fields are refused, instances are immutable."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        ser_json_inf_nan="strings",
        hide_input_in_errors=True,  # a file that holds a secret may be read in place of the right one
    )

    def dump(self) -> dict[str, Any]:
        """Return the content of the model as JSON values, without fields that are None."""
        return self.model_dump(mode="json", exclude_none=True)


class TolerantModel(Model):
    """A part of a document from another program of Epochal, perhaps of another version: unknown fields are ignored.

    Operator, trainers and servers are upgraded separately, a template may name any image, and models outlive trainers.
    """

    model_config = ConfigDict(extra="ignore")


class StatusModel(TolerantModel):
    """A part of a status. `read_status` also omits fields with invalid values."""


def field_errors(error: ValidationError, *, show_found: bool = False) -> list[str]:
    """Return a line for each invalid field: its path, and the expected value.

    Args:
        error: The validation error of the whole document.
        show_found: Whether a line also contains the value found. It must be false if the document is a mounted file,
            because a wrong file may contain a secret.
    """
    found = located_errors(error, show_found=show_found)
    return [f"{path}: {message}" if path else message for path, message in found]


def located_errors(error: ValidationError, *, show_found: bool = False) -> list[tuple[str, str]]:
    """Return the path of each invalid field and the expected value, as `field_errors` does.

    If there are more than _MAX_ERRORS, return a single message with their number, and an empty path.
    """
    if (count := error.error_count()) > _MAX_ERRORS:
        return [("", f"{count:,} fields are invalid: check that this is the right document")]
    located = []
    for detail in error.errors(include_url=False):
        path = ""
        for part in detail["loc"]:
            path += f"[{part}]" if isinstance(part, int) else f".{part}"
        suffix = f", found {found}" if show_found and (found := found_value(detail)) else ""
        located.append((path.lstrip("."), f"{expected_value(detail)}{suffix}"))
    return located


class Rule(NamedTuple):
    """A CEL validation rule of the API server.

    Args:
        rule: The CEL expression. `self` is the value to which the rule applies.
        message: The expected value, shown to users who violate the rule.
        found: CEL expressions of the invalid value, and perhaps of its location or of its limit. The API server appends
            them to the message, as in ", found VALUE in LOCATION".
        between: The word between the values of `found`.
    """

    rule: str
    message: str
    found: tuple[str, ...] = ()
    between: str = "in"

    @property
    def message_expression(self) -> str:
        """The CEL expression of the error message, with the values of `found`."""
        if not self.found:
            return cel_text(self.message)
        # `format` costs little; for `+` and `join`, the API server estimates texts of unlimited length, and refuses it.
        text = f"{self.message}, found {f' {self.between} '.join(['%s'] * len(self.found))}"
        return f"{cel_text(text)}.format([{', '.join(self.found)}])"

    def require(self, *, holds: bool, found: str = "") -> None:
        """Raise ValueError with the message of the rule if `holds` is false. pydantic reports it as an invalid field.

        Args:
            holds: Whether the object complies with the rule.
            found: The invalid value for the message; empty to omit it.
        """
        if not holds:
            raise ValueError(f"{self.message}, found {found}" if found else self.message)


def cel_text(value: str) -> str:
    """Return a string literal of CEL."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"


def _api_rule(rule: Rule) -> dict[str, str]:
    """Return a rule as an item of x-kubernetes-validations."""
    if rule.found:
        return {"rule": rule.rule, "messageExpression": rule.message_expression}
    return {"rule": rule.rule, "message": rule.message}


def is_one_set(*values: object) -> bool:
    """Return whether exactly one value is not None, like the CEL expression of `exactly_one`."""
    return [value is None for value in values].count(False) == 1


def set_fields(*fields: str) -> str:
    """Return the CEL expression of the list of the fields that are set."""
    return " + ".join(f"(has(self.{field}) ? ['{field}'] : [])" for field in fields)


def short_text(value: str) -> str:
    """Return the CEL expression of a value in one line of at most 63 characters, for a message of the admission policy.

    Without a type in the CRD, the value may have any length, and the API server omits a message of several lines.
    """
    return f"[string({value})].map(text, (text.size() > 63 ? text.substring(0, 63) : text).replace('\\n', ' '))[0]"


def exactly_one(*fields: str) -> Rule:
    """Return the rule that exactly one field is set."""
    has_fields = ", ".join(f"has(self.{field})" for field in fields)
    names = f"{', '.join(fields[:-1])} and {fields[-1]}"
    rule = f"[{has_fields}].filter(given, given).size() == 1"
    return Rule(rule, f"give exactly one of {names}", (set_fields(*fields),))


def cel(*rules: Rule, **extra: Any) -> dict[str, Any]:
    """Return the schema keywords of CEL `rules`, along with any `extra` keywords."""
    return {CEL: [_api_rule(rule) for rule in rules], **extra}


def matching(
    pattern: str, message: str, *rules: Rule, max_length: int, min_length: int | None = None, is_shown: bool = True
) -> Any:
    """Return the Field that requires a text to match a pattern. Errors show the message in place of the pattern.

    Args:
        pattern: The regular expression.
        message: The expected value.
        rules: Further rules of the text.
        max_length: Maximum characters.
        min_length: Minimum characters.
        is_shown: Whether the message of the API server contains the invalid text, which may be a secret.
    """
    describe_pattern(pattern, message)
    rule = Rule(f"self.matches(r'{pattern}')", message, ("self",) if is_shown else ())
    extra = cel(rule, *rules, pattern=None)
    return Field(pattern=pattern, min_length=min_length, max_length=max_length, json_schema_extra=extra)


def admission(*rules: Rule) -> dict[str, Any]:
    """Return the schema keyword of rules that the chart's admission policy evaluates in place of the CRD."""
    return {ADMISSION: [rule._asdict() for rule in rules]}


def list_map(key: str) -> dict[str, Any]:
    """Return the schema keywords of a list of objects with a unique field, by which server-side apply merges them."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def as_text(value: Any) -> Any:
    """Return a number as text, and other values unchanged: a text field may be written as a number in YAML."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def text_or_number(*, pattern: str, max_length: int) -> dict[str, Any]:
    """Return the schema of text that may be written as an integer.

    It has no anyOf with both types: the API server would print two more lines for each value of another type.
    """
    return {INT_OR_STRING: True, "pattern": pattern, "maxLength": max_length}


UNSTORED_DEFAULT: Any = Field(json_schema_extra={"default": None})
"""Marks a field that was added later, with a default that the API server does not store: an earlier operator or trainer
would refuse the field, and accepts objects without it."""

QUANTITY_PATTERN = r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"

Quantity = Annotated[
    str,
    BeforeValidator(as_text),
    StringConstraints(pattern=QUANTITY_PATTERN, max_length=32),
    WithJsonSchema(text_or_number(pattern=QUANTITY_PATTERN, max_length=32)),
]
"""A Kubernetes resource quantity such as `500m` or `2Gi`. A number in YAML is converted to text."""

_SUFFIXED = re.compile(r"(?P<number>.+?)(?P<suffix>[KMGTPE]i|[numkKMGTPE]?)")
_POWERS = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def quantity_value(quantity: str) -> Decimal:
    """Return the number in a Quantity, as Kubernetes parses it."""
    match = _SUFFIXED.fullmatch(quantity)
    assert match is not None  # noqa: S101 - the model has refused other values
    suffix = match["suffix"]
    return Decimal(match["number"]) * Decimal(1024 if suffix.endswith("i") else 1000) ** _POWERS[suffix.rstrip("i")]


Count = Annotated[int, Field(ge=0, le=2**53)]
"""An integer from 0 that a float represents exactly."""

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=NAME_PATTERN)]
"""The name of another Kubernetes object in the same namespace."""

describe_pattern(PRINTABLE_PATTERN, "must be one line of text without control characters")
describe_pattern(QUANTITY_PATTERN, "must be a quantity such as 500m or 2Gi")
describe_pattern(NAME_PATTERN, "must be the name of an object: lower-case letters, digits, dots and hyphens")
