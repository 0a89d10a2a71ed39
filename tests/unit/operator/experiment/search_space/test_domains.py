"""What a parameter may be: its values as text, what is equal among them, and what is drawn."""

from typing import Any

import pytest
from epochal_api.experiment.parameter import Parameter
from epochal_operator.experiment.search_space.domains import Domain, Range, domain_of
from hypothesis import given
from hypothesis import strategies as st


def domain(**given_domain: Any) -> Domain:
    return domain_of(Parameter.model_validate({"name": "one", "paths": ["training.batchSize"], **given_domain}))


RANGE = domain(float={"min": "1e-4", "max": "0.1", "scale": "Log"})
STEPS = domain(float={"min": "0.1", "max": "0.9", "step": "0.2"})
WHOLE = domain(int={"min": 16, "max": 64, "step": 16})
LISTED = domain(values=["0.1", "1", "true", "null", "Adam", "[3, 3]", "NaN"])


@pytest.mark.parametrize(
    ("of", "size"), [(RANGE, None), (STEPS, 5), (WHOLE, 4), (LISTED, 7), (domain(float={"min": "2", "max": "2"}), 1)]
)
def test_sizes(of: Domain, size: int | None) -> None:
    assert of.size == size
    assert [of.contains(of.at(index)) for index in range(size or 0)] == [True] * (size or 0)


@pytest.mark.parametrize(
    ("of", "text", "canonical"),
    [
        (RANGE, "1e-2", "0.01"),
        (RANGE, "+.010", "0.01"),
        (RANGE, "-0", "0.0"),
        (RANGE, "Adam", "Adam"),
        (RANGE, "nan", "nan"),
        (WHOLE, "32.0", "32"),
        (WHOLE, "032", "32"),
        (WHOLE, "1e999", "1e999"),
        (WHOLE, "32.5", "32.5"),
        (LISTED, "1e-1", "0.1"),
        (LISTED, "1.0", "1"),
        (LISTED, "[3,3]", "[3, 3]"),
        (LISTED, "SGD", "SGD"),
    ],
)
def test_canonical_texts(of: Domain, text: str, canonical: str) -> None:
    assert of.canonical(text) == canonical


@pytest.mark.parametrize(
    ("of", "inside", "outside"),
    [
        (RANGE, ["0.0001", "0.1", "1e-2"], ["0.00009", "0.2", "x", "inf"]),
        (STEPS, ["0.1", "0.3", "0.7", "0.9"], ["0.2", "1.1"]),
        (WHOLE, ["16", "64", "32.0"], ["0", "17", "80", "x"]),
        (LISTED, ["0.10", "true", "Adam"], ["2", "True", "adam"]),
    ],
)
def test_contains(of: Domain, inside: list[str], outside: list[str]) -> None:
    assert [text for text in inside + outside if of.contains(text)] == inside


@pytest.mark.parametrize(
    ("of", "value", "text"),
    [
        (RANGE, 1, "1.0"),
        (RANGE, "0.25", "0.25"),  # the API has numbers as text
        (RANGE, True, None),
        (RANGE, None, None),
        (WHOLE, 32.0, "32"),
        (WHOLE, 32.5, None),
        (LISTED, 1.0, "1"),
        (LISTED, True, "true"),
        (LISTED, None, "null"),
        (LISTED, "0.10", "0.1"),
        (LISTED, [3, 3], "[3, 3]"),
        (LISTED, {"name": "SGD"}, '{"name": "SGD"}'),
    ],
)
def test_reads_what_a_template_has(of: Domain, value: Any, text: str | None) -> None:
    assert of.read(value) == text


@pytest.mark.parametrize(
    ("of", "text", "value"),
    [
        (RANGE, "1", 1.0),
        (WHOLE, "32", 32),
        (LISTED, "1", 1),
        (LISTED, "true", True),
        (LISTED, "null", None),
        (LISTED, "Adam", "Adam"),
        (LISTED, "NaN", "NaN"),
        (LISTED, "1e999", "1e999"),
        (LISTED, "[3, 3]", [3, 3]),
    ],
)
def test_parses_what_a_trial_gets(of: Domain, text: str, value: Any) -> None:
    found = of.parse(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("given_domain", "faults"),
    [
        ({"float": {"min": "0.1", "max": "0.9", "step": "0.2"}}, []),
        ({"float": {"min": "0", "max": "1", "step": "0.1"}}, []),
        (
            {"float": {"min": "0", "max": "1", "step": "0.3"}},
            ["float.max must be min and a number of steps, such as 0.9 or 1.2; found 1 with min 0 and step 0.3"],
        ),
        (
            {"int": {"min": 16, "max": 60, "step": 16}},
            ["int.max must be min and a number of steps, such as 48 or 64; found 60 with min 16 and step 16"],
        ),
        ({"float": {"min": "0", "max": "1", "step": "5e-16"}}, []),
        (
            {"float": {"min": "-1", "max": "0", "step": "4e-16"}},
            ["float.step must be 4.440892098500626e-16 at least, for numbers near 1 to differ; found 4e-16"],
        ),
        ({"values": ["0.1", "1e-1"]}, ["values must differ, found '0.1' and '1e-1', which mean the same"]),
        ({"values": ["1", "true", "1.5", "x"]}, []),
    ],
)
def test_faults(given_domain: dict[str, Any], faults: list[str]) -> None:
    assert list(domain(**given_domain).faults()) == faults


def test_what_a_template_has_that_is_long_and_none_of_the_values_is_told_apart_by_a_short_text() -> None:
    words = [f"\u8a9e{number}" for number in range(10_000)]
    choice = domain(values=["[]", "x"])
    texts = [choice.read(words), choice.read(words[:-1]), choice.read("".join(words))]
    assert [len(text or "") for text in texts] == [256, 256, 256]
    assert len(set(texts)) == 3
    assert choice.read(words) == choice.canonical(texts[0] or "") == texts[0]
    assert not choice.contains(texts[0] or "")


@given(st.floats(1e-4, 0.1))
def test_what_is_drawn_has_few_digits_and_lies_in_the_range(drawn: float) -> None:
    text = RANGE.text(drawn)  # type: ignore[union-attr]
    assert RANGE.contains(text)
    assert RANGE.canonical(text) == text
    assert float(text) == pytest.approx(drawn, rel=1e-5)


@given(st.floats(1000, 1000.01))
def test_a_narrow_range_has_more_digits(drawn: float) -> None:
    narrow = domain(float={"min": "1000", "max": "1000.01"})
    assert float(narrow.text(drawn)) == pytest.approx(drawn, abs=1e-7)  # type: ignore[union-attr]
    assert narrow.contains(narrow.text(drawn))  # type: ignore[union-attr]


@pytest.mark.parametrize("given_range", [("0", "1000000", "0.001"), ("0", "1", "5e-16"), ("100.1", "100.9", "1e-7")])
@given(st.data())
def test_each_of_many_steps_has_its_index(given_range: tuple[str, str, str], data: st.DataObject) -> None:
    many = domain(float=dict(zip(("min", "max", "step"), given_range, strict=True)))
    assert isinstance(many, Range)
    index = data.draw(st.integers(0, (many.size or 0) - 1))
    assert many.index(float(many.at(index))) == index
    assert many.contains(many.at(index))


@given(st.floats(0, 1))
def test_steps_are_told_as_they_were_written(drawn: float) -> None:
    assert STEPS.text(drawn) in {"0.1", "0.3", "0.5", "0.7", "0.9"}  # type: ignore[union-attr]
