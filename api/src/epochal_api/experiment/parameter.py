"""A hyper-parameter of an Experiment: its paths in the template, and its possible values."""

import re
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from epochal_api.expected_value import describe_pattern
from epochal_api.model import Model, Rule, admission, cel, exactly_one, is_one_set, matching, short_text
from epochal_api.quoted import TEXT_OR_INTEGER, quoted_text_or_integer
from epochal_api.text import PRINTABLE_PATTERN

NUMBER_PATTERN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
describe_pattern(NUMBER_PATTERN, "must be a number such as 0.001 or 1e-4")
Number = Annotated[
    str,
    TEXT_OR_INTEGER,
    StringConstraints(max_length=32, pattern=NUMBER_PATTERN),
    WithJsonSchema(quoted_text_or_integer(pattern=NUMBER_PATTERN, max_length=32)),
]
"""A finite number as text, because the API has no floats. YAML may give an integer as a number."""
Value = Annotated[
    str,
    TEXT_OR_INTEGER,
    StringConstraints(max_length=256, pattern=PRINTABLE_PATTERN),
    WithJsonSchema(quoted_text_or_integer(pattern=PRINTABLE_PATTERN, max_length=256)),
]
"""A parameter's value as text, in JSON notation but without the quotes of a text: 0.01, 32, Adam, true."""
ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$", max_length=63)]
Scale = Literal["Linear", "Log"]
_MAX_INTEGER = 2**53
"""Integers up to this value are exact as floats."""
_Integer = Annotated[int, Field(ge=-_MAX_INTEGER, le=_MAX_INTEGER)]


def _all_numbers(*names: str) -> str:
    """Return the CEL expression that is true if the text in each field is a number, since double() fails for others."""
    fields = ", ".join(f"self.{name}" for name in names)
    return f"[{fields}].all(number, string(number).matches(r'{NUMBER_PATTERN}'))"


_ORDERED = Rule(
    f"!{_all_numbers('min', 'max')} || double(self.min) <= double(self.max)",
    "min must be at most max",
    (short_text("self.min"), short_text("self.max")),
    "above",
)
_LOG_ABOVE_ZERO = Rule(
    f"self.scale != 'Log' || !{_all_numbers('min')} || double(self.min) > 0.0",
    "min must be above 0 with the scale Log",
    (short_text("self.min"),),
)
_STEP_ABOVE_ZERO = Rule(
    f"!has(self.step) || !{_all_numbers('step')} || double(self.step) > 0.0",
    "step must be above 0",
    (short_text("self.step"),),
)
_LINEAR_STEP = Rule(
    "!has(self.step) || self.scale != 'Log'",
    "step requires the scale Linear; with the scale Log, give a list of values instead",
    (short_text("self.step"),),
)
_INT_ORDERED = Rule("self.min <= self.max", _ORDERED.message, ("self.min", "self.max"), "above")
_INT_LOG_ABOVE_ZERO = Rule("self.scale != 'Log' || self.min > 0", _LOG_ABOVE_ZERO.message, ("self.min",))
_INT_LINEAR_STEP = Rule("self.scale != 'Log' || self.step == 1", _LINEAR_STEP.message, ("self.step",))

_Range = TypeVar("_Range", bound="FloatRange | IntRange")


def _check_range(values: _Range) -> _Range:
    log = values.scale == "Log"
    _ORDERED.require(holds=float(values.min) <= float(values.max), found=f"{values.min} above {values.max}")
    _LOG_ABOVE_ZERO.require(holds=not log or float(values.min) > 0, found=str(values.min))
    _STEP_ABOVE_ZERO.require(holds=values.step is None or float(values.step) > 0, found=str(values.step))
    _LINEAR_STEP.require(holds=not log or values.step in {None, 1}, found=str(values.step))
    return values


class FloatRange(Model):
    """A range of numbers, written as text such as "1e-4"."""

    model_config = ConfigDict(json_schema_extra=admission(_ORDERED, _LOG_ABOVE_ZERO, _STEP_ABOVE_ZERO, _LINEAR_STEP))

    min: Number
    """Lower bound, as text such as "1e-4"."""
    max: Number
    """Upper bound, as text such as "0.1"."""
    scale: Scale = "Linear"
    """Distribution of the values. Linear: uniform. Log: uniform logarithms, so that 0.001 to 0.01 is as likely as 0.01
    to 0.1. Default: Linear."""
    step: Number | None = None
    """Step between the values, from min on, as text such as "0.1". Default: any value; a Grid requires a step."""

    _check = model_validator(mode="after")(_check_range)


class IntRange(Model):
    """A range of integers."""

    model_config = ConfigDict(json_schema_extra=cel(_INT_ORDERED, _INT_LOG_ABOVE_ZERO, _INT_LINEAR_STEP))

    min: _Integer
    """Lower bound."""
    max: _Integer
    """Upper bound."""
    scale: Scale = "Linear"
    """Distribution of the values. Linear: uniform. Log: uniform logarithms. Default: Linear."""
    step: Annotated[int, Field(ge=1, le=_MAX_INTEGER)] = 1
    """Step between the values, from min on. Default: 1."""

    _check = model_validator(mode="after")(_check_range)


class When(Model):
    """The condition on another parameter under which a parameter has an effect."""

    parameter: ParameterName
    """Name of the other parameter."""
    values: Annotated[list[Value], Field(min_length=1, max_length=64)]
    """Values of the other parameter, any of which fulfils the condition."""


RESERVED = ("continueFrom", "epochs", "monitor", "stopAfterEpoch")
"""Fields of spec.training that the Experiment controls."""
PATH_PATTERN = r"^(data|network|training)(\.[A-Za-z_][A-Za-z0-9_]*|\[[^\[\]\p{C}\p{Zl}\p{Zp}]+\])+$"
_RESERVED_PATTERN = rf"^training[.\[]({'|'.join(RESERVED)})([.\[\]]|$)"
_NOT_RESERVED = Rule(
    f"!self.matches(r'{_RESERVED_PATTERN}')",
    "must not be the path of "
    + ", ".join(f"training.{name}" for name in RESERVED)
    + ", which are the same for all trials",
    ("self",),
)


def _check_path(path: str) -> str:
    _NOT_RESERVED.require(holds=re.match(_RESERVED_PATTERN, path) is None)
    return path


Path = Annotated[
    str,
    matching(
        PATH_PATTERN,
        "must be the path of a field in the template's spec.data, spec.network or spec.training, such as "
        "training.optimizer.learning_rate, network.layers[conv1].filters or network.layers[2].filters",
        _NOT_RESERVED,
        min_length=1,
        max_length=256,
    ),
    AfterValidator(_check_path),
]

_ONE_DOMAIN = exactly_one("float", "int", "values")


class Parameter(Model):
    """A hyper-parameter: its paths in the template, and its possible values."""

    model_config = ConfigDict(json_schema_extra=admission(_ONE_DOMAIN))

    name: ParameterName
    """Name of the parameter in the status, the results and other fields."""
    paths: Annotated[list[Path], Field(min_length=1, max_length=16)]
    """Paths of its value in the template's spec: such as training.optimizer.learning_rate,
    network.layers[conv1].filters (a layer by its name) or network.layers[2].filters (by its index, from 0)."""
    float_: Annotated[FloatRange | None, Field(alias="float")] = None
    """A range of numbers."""
    int_: Annotated[IntRange | None, Field(alias="int")] = None
    """A range of integers."""
    values: Annotated[list[Value], Field(min_length=1, max_length=256)] | None = None
    """A list of values, such as [Adam, SGD], ["0.1", "0.5"] or ["true", "false"]. The type of the field at the path
    decides the type of the value."""
    when: When | None = None
    """Condition under which the parameter has an effect. Otherwise the template's value stays, if any, except for an
    argument of a class that the trial replaces, such as an optimizer's. Default: always."""

    @model_validator(mode="after")
    def _one_domain(self) -> Self:
        _ONE_DOMAIN.require(holds=is_one_set(self.float_, self.int_, self.values))
        if self.values is not None and len(set(self.values)) < len(self.values):
            raise ValueError("values must differ")
        return self
