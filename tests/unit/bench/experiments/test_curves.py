from pathlib import Path

import pytest

from tests.bench.experiments.curves import Curve, append, position, read
from tests.bench.experiments.search import EPOCHS
from tests.unit.bench.experiments.recorded import ADAM, SGD, SPACE, curve, curves

NAMES = [*SPACE.domains]


@pytest.mark.parametrize(("epoch", "best"), [(1, 0.5), (2, 0.25), (3, 0.25), (4, 0.125), (5, None)])
def test_a_trial_is_worth_its_best_epoch_so_far_until_it_diverges(epoch: int, best: float | None) -> None:
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


LOW, HIGH, FEW = curve(1, learningRate="0.001"), curve(2, learningRate="0.1"), curve(3, filters="4")
STILL, FAST = Curve(SGD | {"momentum": "0.5"}, 1, (4,)), Curve(SGD, 1, (5,))


@pytest.mark.parametrize(
    ("parameters", "nearest"),
    [
        (ADAM, LOW),
        (ADAM | {"learningRate": "0.009"}, LOW),
        (ADAM | {"learningRate": "0.011"}, HIGH),
        (ADAM | {"filters": "8"}, FEW),
        (SGD | {"learningRate": "0.1", "momentum": "0.6"}, STILL),
        (SGD | {"learningRate": "0.1", "momentum": "0.99"}, FAST),
    ],
)
def test_the_nearest_curve_is_of_the_same_listed_values(parameters: dict[str, str], nearest: Curve) -> None:
    assert curves(LOW, HIGH, FEW, STILL, FAST).nearest(parameters) is nearest


def test_what_does_not_count_brings_nothing_nearer() -> None:
    assert curves(LOW, HIGH).nearest(ADAM | {"momentum": "0.9"}) is LOW


def test_of_two_that_are_as_near_it_is_the_earlier_one() -> None:
    twins = curve(1), curve(2)
    assert curves(*twins).nearest(ADAM) is twins[0]
    assert curves(*reversed(twins)).nearest(ADAM) is twins[1]


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    recorded = [curve(0.12344, 1234567.0, 0.5, seconds=0.1234), Curve(SGD, 0.5, (1.5,)), curve()]
    for one in recorded:
        append(one, NAMES, 3, path)
    assert read(NAMES, path) == [
        Curve(ADAM, 0.123, (0.1234, 1235000.0, 0.5)),
        Curve(SGD, 0.5, (1.5,)),
        Curve(ADAM, 1.0, ()),
    ]


def test_the_recorded_curves_are_of_trials_that_all_differ() -> None:
    recorded = read(NAMES)
    assert len({SPACE.key(one.parameters) for one in recorded}) == len(recorded) == 200
    assert all(SPACE.contains(one.parameters) and one.seconds > 0 for one in recorded)
    assert max(len(one.values) for one in recorded) == EPOCHS
    found = curves(*recorded)
    assert all(found.nearest(one.parameters) is one for one in recorded)
