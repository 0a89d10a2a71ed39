from pathlib import Path

import pytest

from tests.bench.experiments.curves import Curve, append, position, read
from tests.bench.experiments.search import EPOCHS
from tests.unit.bench.experiments.recorded import ADAM, SGD, SPACE, curve, curves

NAMES = [*SPACE.domains]


@pytest.mark.parametrize(("epoch", "best"), [(1, 0.5), (2, 0.25), (3, 0.25), (4, 0.125), (5, None)])
def test_the_value_of_a_trial_is_its_best_epoch_until_it_diverges(epoch: int, best: float | None) -> None:
    assert curve(0.5, 0.25, 0.75, 0.125).best(epoch) == best


def test_a_trial_that_diverges_at_once_is_worth_nothing() -> None:
    assert curve().best(1) is None


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("learningRate", "1e-4", 0),
        ("learningRate", "0.1", 1),
        ("learningRate", "0.001", 1 / 3),
        ("filters", "4", 0),
        ("filters", "18", 0.5),
        ("dropout", "0.3", 0.5),
    ],
)
def test_a_place_is_by_the_scale(name: str, text: str, place: float) -> None:
    domain = SPACE.domains[name]
    assert position(domain, text) == pytest.approx(place)  # type: ignore[arg-type]


LOW, HIGH = curve(1, 1, learningRate="0.001"), curve(16, 1, learningRate="0.1", seconds=4.0)
SLOW, FAST = Curve(SGD | {"momentum": "0.5"}, 1, (4,)), Curve(SGD, 1, (5,))


@pytest.mark.parametrize("recorded", [LOW, HIGH, SLOW, FAST])
def test_a_recorded_trial_has_its_own_curve(recorded: Curve) -> None:
    assert curves(LOW, HIGH, SLOW, FAST).of(recorded.parameters) is recorded


@pytest.mark.parametrize(
    ("rate", "value", "seconds"),
    [
        ("0.01", 4, 2),  # as near to both: the mean of logarithms
        ("0.001001", 1, 1),
        ("0.0999", 16, 4),
        ("0.0031622776601683794", 16**0.1, 4**0.1),  # a quarter of the way: nine times the weight
    ],
)
def test_another_trial_has_the_mean_of_the_nearest_curves(rate: str, value: float, seconds: float) -> None:
    found = curves(LOW, HIGH, FAST).of(ADAM | {"learningRate": rate})
    assert found.values == pytest.approx((value, 1), rel=0.001)
    assert found.seconds == pytest.approx(seconds, rel=0.001)


def test_curves_with_another_category_do_not_count() -> None:
    assert curves(LOW, FAST).of(SGD | {"learningRate": "0.001"}).values == pytest.approx((5,))


def test_farther_curves_do_not_count() -> None:
    near = [curve(2, learningRate=f"0.00{digit}") for digit in (2, 3, 4, 5)]
    assert curves(HIGH, *near).of(ADAM | {"learningRate": "0.0035"}).values == pytest.approx((2,))


def test_inactive_parameters_do_not_change_the_distance() -> None:
    assert curves(LOW, HIGH).of(ADAM | {"momentum": "0.9"}) is LOW


def test_a_trial_diverges_where_the_nearest_one_does() -> None:
    short = curve(1, learningRate="0.1")
    assert len(curves(LOW, short).of(ADAM | {"learningRate": "0.09"}).values) == 1
    found = curves(LOW, short).of(ADAM | {"learningRate": "0.002"})
    assert found.values == pytest.approx((1, 1))


def test_recorded_curves_are_read(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    recorded = [curve(0.12344, 1234567.0, 0.5, seconds=0.1234), Curve(SGD, 0.5, (1.5,)), curve()]
    for item in recorded:
        append(item, NAMES, 3, path)
    assert read(NAMES, path) == [
        Curve(ADAM, 0.123, (0.1234, 1235000.0, 0.5)),
        Curve(SGD, 0.5, (1.5,)),
        Curve(ADAM, 1.0, ()),
    ]


def test_the_recorded_curves_are_of_trials_that_all_differ() -> None:
    recorded = read(NAMES)
    assert len({SPACE.key(item.parameters) for item in recorded}) == len(recorded) == 200
    assert all(SPACE.contains(item.parameters) and item.seconds > 0 for item in recorded)
    assert max(len(item.values) for item in recorded) == EPOCHS
    found = curves(*recorded)
    assert all(found.of(item.parameters) is item for item in recorded)
