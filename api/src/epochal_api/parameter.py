"""A hyper-parameter of an Experiment: where it stands in the template, and what it may be."""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from epochal_api.model import Model, Rule, as_text, cel, text_or_number
from epochal_api.text import PRINTABLE_PATTERN

NUMBER_PATTERN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
Number = Annotated[
    str,
    BeforeValidator(as_text),
    StringConstraints(max_length=32, pattern=NUMBER_PATTERN),
    WithJsonSchema(text_or_number(pattern=NUMBER_PATTERN, max_length=32)),
]
"""A number as text, since the API has no floats; YAML may give a whole one as a number. It is finite."""
Value = Annotated[
    str,
    BeforeValidator(as_text),
    StringConstraints(max_length=256, pattern=PRINTABLE_PATTERN),
    WithJsonSchema(text_or_number(pattern=PRINTABLE_PATTERN, max_length=256)),
]
"""A parameter's value as text, as JSON would write it but for the quotes of a text: 0.01, 32, Adam, true."""
ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$", max_length=63)]
Scale = Literal["Linear", "Log"]
_MOST = 2**53
"""Whole numbers up to here are floats, too."""
_Whole = Annotated[int, Field(ge=-_MOST, le=_MOST)]


def _numbers(*names: str) -> str:
    """Returns the expression that fields are numbers, without which comparing them would be an error of its own."""
    fields = ", ".join(f"self.{name}" for name in names)
    return f"[{fields}].all(number, string(number).matches(r'{NUMBER_PATTERN}'))"


_ORDERED = Rule(f"!{_numbers('min', 'max')} || double(self.min) <= double(self.max)", "min must be at most max")
_LOG_OF_POSITIVE = Rule(
    f"self.scale != 'Log' || !{_numbers('min')} || double(self.min) > 0.0",
    "min must be above 0 where the scale is Log",
)
_STEP_IS_POSITIVE = Rule(
    f"!has(self.step) || !{_numbers('step')} || double(self.step) > 0.0",
    "step must be above 0",
)
_STEP_IS_LINEAR = Rule(
    "!has(self.step) || self.scale != 'Log'",
    "step goes with the scale Linear; to choose from numbers that lie otherwise, give them as values",
)
_INT_ORDERED = Rule("self.min <= self.max", "min must be at most max")
_INT_LOG_OF_POSITIVE = Rule("self.scale != 'Log' || self.min > 0", "min must be above 0 where the scale is Log")
_INT_STEP_IS_LINEAR = Rule("self.scale != 'Log' || self.step == 1", _STEP_IS_LINEAR.message)


class FloatRange(Model):
    """A range of numbers, written as text: "1e-4"."""

    model_config = ConfigDict(json_schema_extra=cel([_ORDERED, _LOG_OF_POSITIVE, _STEP_IS_POSITIVE, _STEP_IS_LINEAR]))

    min: Number
    """The least value."""
    max: Number
    """The largest value."""
    scale: Scale = "Linear"
    """How values are spread. Linear: evenly. Log: their logarithms evenly, so that 0.001 to 0.01 is as likely as 0.01
    to 0.1. Default: Linear."""
    step: Number | None = None
    """Distance of the values from each other, counted from min. Default: any value; a Grid needs it."""

    @model_validator(mode="after")
    def _can_be_searched(self) -> Self:
        log = self.scale == "Log"
        _ORDERED.require(holds=float(self.min) <= float(self.max))
        _LOG_OF_POSITIVE.require(holds=not log or float(self.min) > 0)
        _STEP_IS_POSITIVE.require(holds=self.step is None or float(self.step) > 0)
        _STEP_IS_LINEAR.require(holds=self.step is None or not log)
        return self


class IntRange(Model):
    """A range of whole numbers."""

    model_config = ConfigDict(json_schema_extra=cel([_INT_ORDERED, _INT_LOG_OF_POSITIVE, _INT_STEP_IS_LINEAR]))

    min: _Whole
    """The least value."""
    max: _Whole
    """The largest value."""
    scale: Scale = "Linear"
    """How values are spread. Linear: evenly. Log: their logarithms evenly. Default: Linear."""
    step: Annotated[int, Field(ge=1, le=_MOST)] = 1
    """Distance of the values from each other, counted from min. Default: 1."""

    @model_validator(mode="after")
    def _can_be_searched(self) -> Self:
        log = self.scale == "Log"
        _INT_ORDERED.require(holds=self.min <= self.max)
        _INT_LOG_OF_POSITIVE.require(holds=not log or self.min > 0)
        _INT_STEP_IS_LINEAR.require(holds=not log or self.step == 1)
        return self


class When(Model):
    """What another parameter must be for this one to be of any use."""

    parameter: ParameterName
    """The other parameter, by its name."""
    values: Annotated[list[Value], Field(min_length=1, max_length=64)]
    """What it must be: any of these."""


RESERVED = ("continueFrom", "epochs", "monitor", "stopAfterEpoch")
"""Fields of spec.training that are the Experiment's own matter."""
PATH_PATTERN = r"^(data|network|training)(\.[A-Za-z_][A-Za-z0-9_]*|\[[^\[\]\p{C}\p{Zl}\p{Zp}]+\])+$"
_LEADS_SOMEWHERE = Rule(
    f"self.matches(r'{PATH_PATTERN}')",
    "must lead to a field of the template's spec.data, spec.network or spec.training, such as "
    "training.optimizer.learning_rate, network.layers[conv1].filters or network.layers[2].filters",
)
_RESERVED_PATTERN = rf"^training[.\[]({'|'.join(RESERVED)})([.\[\]]|$)"
_IS_FREE = Rule(
    f"!self.matches(r'{_RESERVED_PATTERN}')",
    "must not lead to "
    + ", ".join(f"training.{name}" for name in RESERVED)
    + ": how long a trial is trained and what it is judged by is the same for all",
)


def _checked_path(path: str) -> str:
    _IS_FREE.require(holds=re.match(_RESERVED_PATTERN, path) is None)
    return path


Path = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, pattern=PATH_PATTERN),
    AfterValidator(_checked_path),
    Field(json_schema_extra=cel([_LEADS_SOMEWHERE, _IS_FREE], pattern=None)),
]

_ONE_DOMAIN = Rule(
    "[has(self.float), has(self.int), has(self.values)].filter(given, given).size() == 1",
    "give exactly one of float, int and values",
)


class Parameter(Model):
    """A hyper-parameter: where it stands in the template, and what it may be."""

    model_config = ConfigDict(json_schema_extra=cel([_ONE_DOMAIN]))

    name: ParameterName
    """What the status, the results and other fields call it."""
    paths: Annotated[list[Path], Field(min_length=1, max_length=16)]
    """Where its value goes within the template's spec: such as training.optimizer.learning_rate,
    network.layers[conv1].filters (a layer by its name) or network.layers[2].filters (by its index, from 0)."""
    float_: Annotated[FloatRange | None, Field(alias="float")] = None
    """Any number of a range."""
    int_: Annotated[IntRange | None, Field(alias="int")] = None
    """Any whole number of a range."""
    values: Annotated[list[Value], Field(min_length=1, max_length=256)] | None = None
    """One of these, such as [Adam, SGD], ["0.1", "0.5"] or ["true", "false"]. The place it goes to tells what type it
    has there."""
    when: When | None = None
    """When it is of any use. Otherwise the template's own value stays, if it has one, but for an argument of another
    class than the trial has there, such as an optimizer's. Default: always."""

    @model_validator(mode="after")
    def _one_domain(self) -> Self:
        _ONE_DOMAIN.require(holds=sum(one is not None for one in (self.float_, self.int_, self.values)) == 1)
        if self.values is not None and len(set(self.values)) < len(self.values):
            raise ValueError("values must differ")
        return self
