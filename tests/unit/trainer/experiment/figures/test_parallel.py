import pytest
from epochal_api.experiment.report import ReportedParameter
from epochal_trainer.experiment.figures.parallel import Names, Numbers, scale

from tests.unit.trainer.experiment.reports import OPTIMIZER, RATE, UNITS


@pytest.mark.parametrize(
    ("numbers", "text", "expected"),
    [
        (Numbers(0, 10), "0", 0),
        (Numbers(0, 10), "5", 0.5),
        (Numbers(0, 10), "20", 1),
        (Numbers(0.001, 0.1, log=True), "0.01", 0.5),
        (Numbers(3, 3), "3", 0.5),
        (Numbers(3, 3, log=True), "3", 0.5),
        (Numbers(0, 10), "Adam", None),
        (Numbers(0, 10), None, None),
        (Numbers(0.001, 0.1, log=True), "0", None),
    ],
)
def test_a_number_has_its_place(numbers: Numbers, text: str | None, expected: float | None) -> None:
    found = numbers.place(text, trial=1)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("numbers", "labels"),
    [
        (Numbers(0.0001, 0.1, log=True), ["0.0001", "0.001", "0.01", "0.1"]),
        (Numbers(16, 64), ["20", "30", "40", "50", "60"]),
        (Numbers(3, 3), ["3"]),
    ],
)
def test_what_is_written_beside_it(numbers: Numbers, labels: list[str]) -> None:
    ticks = numbers.ticks()
    assert [label for _, label in ticks] == labels
    assert all(-1e-9 <= place <= 1 + 1e-9 for place, _ in ticks)


@pytest.mark.parametrize("high", [0.002, 1e30])
def test_every_range_has_some_marks(high: float) -> None:
    assert 2 <= len(Numbers(0.001, high, log=True).ticks()) <= 8
    assert 2 <= len(Numbers(0.001, high).ticks()) <= 8


def test_trials_of_one_name_lie_beside_each_other_and_apart_from_others() -> None:
    names = Names(("Adam", "SGD"))
    adam = {names.place("Adam", trial) for trial in range(100)}
    assert len(adam) == 100
    assert all(place is not None and 0 < place < 0.5 for place in adam)
    assert names.place("SGD", 1) != names.place("Adam", 1)
    assert names.place("RMSprop", 1) is None


def test_of_very_many_names_some_are_written() -> None:
    assert len(Names(tuple(map(str, range(100)))).ticks()) <= 16


@pytest.mark.parametrize(
    ("axis", "values", "expected"),
    [
        (UNITS, ["16", "64", "32"], Numbers(16, 64)),
        (RATE, ["0.1", "0.001"], Numbers(0.001, 0.1, log=True)),
        (RATE, ["0.1", "0"], Numbers(0, 0.1)),
        (RATE, [], Numbers(0, 0, log=True)),
        (OPTIMIZER, ["RMSprop", "SGD"], Names(("Adam", "SGD", "RMSprop"))),
        (ReportedParameter(name="flag", values=["true", "false"]), [], Names(("true", "false"))),
    ],
)
def test_a_scale_spans_what_was_tried(axis: ReportedParameter, values: list[str], expected: object) -> None:
    assert scale(axis, values) == expected
