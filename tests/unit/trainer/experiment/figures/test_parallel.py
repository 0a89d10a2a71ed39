import pytest
from epochal_api.experiment.report import ReportedParameter
from epochal_trainer.experiment.figures.parallel import NameScale, NumberScale, scale

from tests.unit.trainer.experiment.reports import OPTIMIZER, RATE, UNITS


@pytest.mark.parametrize(
    ("numbers", "text", "expected"),
    [
        (NumberScale(0, 10), "0", 0),
        (NumberScale(0, 10), "5", 0.5),
        (NumberScale(0, 10), "20", 1),
        (NumberScale(0.001, 0.1, log=True), "0.01", 0.5),
        (NumberScale(3, 3), "3", 0.5),
        (NumberScale(3, 3, log=True), "3", 0.5),
        (NumberScale(0, 10), "Adam", None),
        (NumberScale(0, 10), None, None),
        (NumberScale(0.001, 0.1, log=True), "0", None),
        (NumberScale(0, 10, optional=True), None, 0),
        (NumberScale(0, 10, optional=True), "0", 0.14),
        (NumberScale(0, 10, optional=True), "10", 1),
        (NumberScale(3, 3, optional=True), "3", 0.57),
    ],
)
def test_heights_of_numbers(numbers: NumberScale, text: str | None, expected: float | None) -> None:
    found = numbers.height_of(text)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("numbers", "labels"),
    [
        (NumberScale(0.0001, 0.1, log=True), ["0.0001", "0.001", "0.01", "0.1"]),
        (NumberScale(16, 64), ["20", "30", "40", "50", "60"]),
        (NumberScale(3, 3), ["3"]),
        (NumberScale(0.5, 0.99, optional=True), ["not set", "0.5", "0.6", "0.7", "0.8", "0.9"]),
    ],
)
def test_tick_labels(numbers: NumberScale, labels: list[str]) -> None:
    ticks = numbers.ticks()
    assert [label for _, label in ticks] == labels
    assert all(-1e-9 <= height <= 1 + 1e-9 for height, _ in ticks)


@pytest.mark.parametrize("high", [0.002, 1e30])
def test_number_of_ticks(high: float) -> None:
    assert 2 <= len(NumberScale(0.001, high, log=True).ticks()) <= 8
    assert 2 <= len(NumberScale(0.001, high).ticks()) <= 8


@pytest.mark.parametrize(
    ("names", "ticks"),
    [
        (NameScale(("Adam", "SGD")), [(0.25, "Adam"), (0.75, "SGD")]),
        (NameScale(("true", "false"), optional=True), [(1 / 6, "not set"), (1 / 2, "true"), (5 / 6, "false")]),
    ],
)
def test_names_are_at_their_ticks(names: NameScale, ticks: list[tuple[float, str]]) -> None:
    for (found, name), (height, label) in zip(names.ticks(), ticks, strict=True):
        assert found == pytest.approx(height)
        assert name == label
        assert names.height_of(None if label == "not set" else label) == pytest.approx(height)
    assert names.height_of("RMSprop") is None
    assert (names.height_of(None) is None) == (not names.optional)


def test_number_of_name_ticks() -> None:
    assert len(NameScale(tuple(map(str, range(100)))).ticks()) <= 16


@pytest.mark.parametrize("axis", [UNITS, RATE, OPTIMIZER])
def test_a_parameter_that_some_trials_lack_has_a_tick_for_them(axis: ReportedParameter) -> None:
    assert scale(axis, ["0.1"], optional=True).optional
    assert scale(axis, ["0.1"], optional=True).ticks()[0][1] == "not set"


@pytest.mark.parametrize(
    ("axis", "values", "expected"),
    [
        (UNITS, ["16", "64", "32"], NumberScale(16, 64)),
        (RATE, ["0.1", "0.001"], NumberScale(0.001, 0.1, log=True)),
        (RATE, ["0.1", "0"], NumberScale(0, 0.1)),
        (RATE, [], NumberScale(0, 0, log=True)),
        (OPTIMIZER, ["RMSprop", "SGD"], NameScale(("Adam", "SGD", "RMSprop"))),
        (ReportedParameter(name="flag", values=["true", "false"]), [], NameScale(("true", "false"))),
    ],
)
def test_scale_of_a_parameter(axis: ReportedParameter, values: list[str], expected: object) -> None:
    assert scale(axis, values) == expected
