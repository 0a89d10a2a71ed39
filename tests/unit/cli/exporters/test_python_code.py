"""Code as black lays it out, with texts only as literals."""

import ast
import math

import pytest
from epochal.exporters.python_code import WIDTH, Applied, Group, assign, call, items, literal, statement
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_a_literal_has_the_value(value: object) -> None:
    assert eval(assign("x", literal(value)).removeprefix("x = ")) == value  # noqa: S307 - it is a literal


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("plain", '"plain"'),
        ("it's", '"it\'s"'),
        ('a "b"', "'a \"b\"'"),
        ("a\n\u202eb", '"a\\n\\u202eb"'),
        ("\ud800", '"\\ud800"'),
        (math.inf, 'float("inf")'),
        (True, "True"),
        ([1, [2.0]], "[1, [2.0]]"),
    ],
)
def test_literals(value: object, code: str) -> None:
    assert str(literal(value)) == code


def test_a_huge_integer_is_a_literal() -> None:
    value = 10**5000
    assert ast.literal_eval(str(literal(value))) == value


def test_no_value_of_json() -> None:
    with pytest.raises(TypeError, match="found set"):
        literal({1})


@pytest.mark.parametrize("name", ["class", "a b", "a=1, b", "ｅval", "", "é"])
def test_names_of_arguments_are_identifiers(name: str) -> None:
    with pytest.raises(ValueError, match="is no name in Python"):
        call("f", {name: "1"})


def test_a_short_call_takes_a_line() -> None:
    assert statement(call("f", {"a": "1"}, "x")) == "f(x, a=1)"


def test_a_long_call_first_breaks_its_brackets() -> None:
    long = call("function_with_a_long_name", {"first_argument": "1" * 30, "second": "2" * 15})
    assert assign("x", long) == (f"x = function_with_a_long_name(\n    first_argument={'1' * 30}, second={'2' * 15}\n)")


def test_a_longer_call_has_a_line_for_each_argument() -> None:
    long = call("f", {"first": items(['"text"'] * 20), "second": "2" * 60})
    lines = statement(long, indent=4).splitlines()
    assert lines[0] == "    f("
    assert lines[1] == "        first=["
    assert lines[2] == '            "text",'
    assert lines[-2:] == [f"        second={'2' * 60},", "    )"]


def test_a_layer_breaks_where_black_breaks_it() -> None:
    layer, inputs = call("layers.Dense", {"units": "10", "name": f'"{"n" * 50}"'}), Group("(", [("", "inputs")], ")")
    assert assign("x", Applied(layer, inputs)).endswith('")(\n    inputs\n)')
    longer = call("layers.Dense", {"units": "10", "name": f'"{"n" * 60}"'})
    assert assign("x", Applied(longer, inputs)) == f'x = layers.Dense(\n    units=10, name="{"n" * 60}"\n)(inputs)'
    assert len(assign("x", Applied(layer, inputs)).splitlines()[0]) <= WIDTH
