"""The search space: active parameters, keys of trials, and combinations."""

from typing import Any

import pytest
from epochal_operator.experiment.search_space.space import InvalidSpace
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.experiment.spaces import FINITE, MOMENTUM, OPTIMIZER, RATE, UNITS, space

SPACE = space()
NESTEROV = {
    "name": "nesterov",
    "paths": ["training.optimizer.nesterov"],
    "values": ["true", "false"],
    "when": {"parameter": "momentum", "values": ["0.9", "0.70"]},
}


@pytest.mark.parametrize(
    ("values", "active"),
    [
        ({"optimizer": "Adam", "momentum": "0.9", "rate": "1e-2"}, {"optimizer": "Adam", "rate": "0.01"}),
        ({"optimizer": "SGD", "momentum": "0.90"}, {"optimizer": "SGD", "momentum": "0.9"}),
        ({"momentum": "0.9"}, {}),
        ({"else": "1"}, {}),
    ],
)
def test_active_parameters(values: dict[str, str], active: dict[str, str]) -> None:
    assert SPACE.active(values) == active


def test_nested_conditions() -> None:
    deep = space(NESTEROV, *FINITE)
    assert deep.active({"optimizer": "SGD", "momentum": "0.70", "nesterov": "true"})["nesterov"] == "true"
    assert "nesterov" not in deep.active({"optimizer": "SGD", "momentum": "0.5", "nesterov": "true"})
    assert "nesterov" not in deep.active({"optimizer": "Adam", "momentum": "0.9", "nesterov": "true"})


@pytest.mark.parametrize(
    ("values", "inside"),
    [
        ({"optimizer": "Adam", "rate": "0.01", "units": "32"}, True),
        ({"optimizer": "Adam", "rate": "0.01", "units": "32", "momentum": "7"}, True),  # inactive
        ({"optimizer": "SGD", "rate": "0.01", "units": "32"}, False),
        ({"optimizer": "SGD", "rate": "0.01", "units": "32", "momentum": "0.7"}, True),
        ({"optimizer": "SGD", "rate": "0.01", "units": "32", "momentum": "0.6"}, False),
        ({"optimizer": "RMSprop", "rate": "0.01", "units": "32"}, False),
        ({"rate": "0.01", "units": "32"}, False),
    ],
)
def test_contains(values: dict[str, str], *, inside: bool) -> None:
    assert SPACE.contains(values) is inside


@pytest.mark.parametrize(
    ("documents", "size"),
    [
        ((UNITS,), 4),
        ((UNITS, OPTIMIZER), 8),
        (FINITE, 4 * (1 + 3)),
        ((NESTEROV, *FINITE), 4 * (1 + 1 + 2 + 2)),
        ((RATE, UNITS), None),
        ((OPTIMIZER, {**RATE, "when": {"parameter": "optimizer", "values": ["SGD"]}}), None),
    ],
)
def test_size(documents: tuple[dict[str, Any], ...], size: int | None) -> None:
    found = space(*documents)
    assert found.size == size
    if size is not None:
        every = list(found.combinations())
        assert len({found.key(values) for values in every}) == len(every) == size
        assert all(found.contains(values) and found.active(values) == values for values in every)


def test_combinations_from_other_start_values() -> None:
    found = space(*FINITE)
    begun = list(found.combinations({"units": 2, "momentum": 1, "optimizer": 1}))
    assert begun[0] == {"units": "48", "optimizer": "SGD", "momentum": "0.7"}
    assert sorted(map(found.key, begun)) == sorted(map(found.key, found.combinations()))


def _when(name: str, on: str, *values: str) -> dict[str, Any]:
    when = {"parameter": on, "values": list(values)}
    return {"name": name, "paths": [f"training.optimizer.{name}"], "values": ["1", "2"], "when": when}


CYCLE = (_when("a", "b", "1"), _when("b", "c", "1"), _when("c", "a", "1"), _when("d", "a", "1"))
WRONG_CASE = {**MOMENTUM, "when": {"parameter": "optimizer", "values": ["SGD", "sgd"]}}


@pytest.mark.parametrize(
    ("documents", "faults"),
    [
        (({**UNITS, "int": {"min": 16, "max": 60, "step": 16}},), ["parameter units: int.max"]),
        (CYCLE, ["found a → b → c → a", "found b → c → a → b", "found c → a → b → c"]),
        (
            (WRONG_CASE, OPTIMIZER),
            ["parameter momentum: when.values must be values of parameter optimizer, found 'sgd'"],
        ),
    ],
)
def test_invalid_spaces(documents: tuple[dict[str, Any], ...], faults: list[str]) -> None:
    with pytest.raises(InvalidSpace) as found:
        space(*documents)
    lines = str(found.value).splitlines()
    assert len(lines) == len(faults)
    assert all(fault in line for line, fault in zip(lines, faults, strict=True))


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "optimizer": st.sampled_from(["Adam", "SGD", "RMSprop"]),
        "momentum": st.sampled_from(["0.5", "0.50", "5e-1", "0.7", "9"]),
        "rate": st.floats(1e-4, 0.1).map(repr) | st.floats(1e-4, 0.1).map("{:.20e}".format),
        "units": st.sampled_from(["16", "32", "32.0", "x"]),
        "else": st.text(max_size=3),
    },
)


@given(VALUES)
def test_the_key_depends_on_active_parameters(values: dict[str, str]) -> None:
    active = SPACE.active(values)
    assert SPACE.active(active) == active
    assert SPACE.key(active) == SPACE.key(values) == SPACE.key(dict(reversed(values.items())))
    assert SPACE.contains(active) == SPACE.contains(values)


@given(VALUES, VALUES)
def test_trials_with_equal_keys_have_equal_values(one: dict[str, str], other: dict[str, str]) -> None:
    assert (SPACE.key(one) == SPACE.key(other)) == (SPACE.active(one) == SPACE.active(other))
