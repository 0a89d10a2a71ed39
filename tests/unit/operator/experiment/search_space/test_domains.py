"""The domain of a parameter: canonical texts, equality and sampled values."""

from typing import Any

import pytest
from epochal_api.experiment.parameter import Parameter
from epochal_operator.experiment.search_space import domains
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
        (WHOLE, 1e255, str(int(1e255))),
        (WHOLE, 1e300, None),
        (WHOLE, 10**256, None),
        (LISTED, 1.0, "1"),
        (LISTED, True, "true"),
        (LISTED, None, "null"),
        (LISTED, "0.10", "0.1"),
        (LISTED, [3, 3], "[3, 3]"),
        (LISTED, {"name": "SGD"}, '{"name": "SGD"}'),
    ],
)
def test_from_json(of: Domain, value: Any, text: str | None) -> None:
    assert of.from_json(value) == text


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
def test_parse(of: Domain, text: str, value: Any) -> None:
    found = of.parse(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("given_domain", "words"),
    [
        ({"float": {"min": "0.1", "max": "0.9", "step": "0.2"}}, []),
        ({"float": {"min": "0", "max": "1", "step": "0.1"}}, []),
        (
            {"float": {"min": "0", "max": "1", "step": "0.3"}},
            ["float.max", "0.9 or 1.2; found 1 with min 0 and step 0.3"],
        ),
        ({"int": {"min": 16, "max": 60, "step": 16}}, ["int.max", "48 or 64; found 60 with min 16 and step 16"]),
        ({"float": {"min": "0", "max": "1", "step": "5e-16"}}, []),
        ({"float": {"min": "-1", "max": "0", "step": "4e-16"}}, ["float.step", "4.440892098500626e-16", "found 4e-16"]),
        ({"values": ["0.1", "1e-1"]}, ["values", "'0.1' and '1e-1'"]),
        ({"values": ["1", "true", "1.5", "x"]}, []),
    ],
)
def test_faults(given_domain: dict[str, Any], words: list[str]) -> None:
    faults = list(domain(**given_domain).faults())
    assert len(faults) == bool(words)
    assert all(word in faults[0] for word in words)


def test_long_template_values_are_shortened_to_different_texts() -> None:
    words = [f"\u8a9e{number}" for number in range(10_000)]
    choice = domain(values=["[]", "x"])
    texts = [choice.from_json(words), choice.from_json(words[:-1]), choice.from_json("".join(words))]
    assert [len(text or "") for text in texts] == [256, 256, 256]
    assert len(set(texts)) == 3
    assert choice.from_json(words) == choice.canonical(texts[0] or "") == texts[0]
    assert not choice.contains(texts[0] or "")


@given(st.floats(1e-4, 0.1))
def test_sampled_values_have_few_digits_within_the_range(drawn: float) -> None:
    text = RANGE.nearest(drawn)  # type: ignore[union-attr]
    assert RANGE.contains(text)
    assert RANGE.canonical(text) == text
    assert float(text) == pytest.approx(drawn, rel=1e-5)


@given(st.floats(1000, 1000.01))
def test_a_narrow_range_has_more_digits(drawn: float) -> None:
    narrow = domain(float={"min": "1000", "max": "1000.01"})
    assert float(narrow.nearest(drawn)) == pytest.approx(drawn, abs=1e-7)  # type: ignore[union-attr]
    assert narrow.contains(narrow.nearest(drawn))  # type: ignore[union-attr]


@pytest.mark.parametrize("given_range", [("0", "1000000", "0.001"), ("0", "1", "5e-16"), ("100.1", "100.9", "1e-7")])
@given(st.data())
def test_each_of_many_steps_has_its_index(given_range: tuple[str, str, str], data: st.DataObject) -> None:
    many = domain(float=dict(zip(("min", "max", "step"), given_range, strict=True)))
    assert isinstance(many, Range)
    index = data.draw(st.integers(0, (many.size or 0) - 1))
    assert many.index(float(many.at(index))) == index
    assert many.contains(many.at(index))


@given(st.floats(0, 1))
def test_sampled_values_are_steps(drawn: float) -> None:
    assert STEPS.nearest(drawn) in {"0.1", "0.3", "0.5", "0.7", "0.9"}  # type: ignore[union-attr]


def test_listed_values_are_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger is rebuilt from up to 1,000 trials of 32 values."""
    listed, parsed = domain(values=["Adam", "0.1", "[3, 3]"]), list[str]()
    assert listed.canonical("1e-1") == "0.1"
    parse = domains._json

    def noted(text: str) -> Any:
        parsed.append(text)
        return parse(text)

    monkeypatch.setattr(domains, "_json", noted)
    assert [listed.canonical(text) for text in ("Adam", "0.1", "[3, 3]")] == ["Adam", "0.1", "[3, 3]"]
    assert listed.contains("0.1")
    assert parsed == []
    assert listed.contains("1e-1")
    assert parsed == ["1e-1"]
