"""Each picture is drawn whatever there is to draw, and is not blank."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from epochal_api.experiment.report import ExperimentReport, ReportedParameter
from epochal_trainer.experiment.figures import importance, objective, parallel, rungs
from epochal_trainer.experiment.figures.canvas import escape, omitted_label
from epochal_trainer.experiment.figures.outside import outside_labels
from epochal_trainer.experiment.histories import Histories, Points
from epochal_trainer.experiment.values import visible_range
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from tests.unit.trainer.experiment.reports import OPTIMIZER, RATE, SMALL, UNITS, report, trial

MANY_AXES = [*(ReportedParameter(name=f"parameter{index}") for index in range(8)), RATE, OPTIMIZER]


def many(count: int, **changes: Any) -> ExperimentReport:
    """Return a report in which most trials are stopped early, and some fail or are far worse."""

    def values(number: int) -> list[str | None]:
        reached = 3 if number % 9 == 0 else 2 if number % 3 == 0 else 1
        return [f"{0.5 + number % 97 / 200 + rung / 50:.5f}" for rung in range(reached)]

    trials = [
        trial(number, state="Diverged")
        if number % 50 == 49
        else trial(
            number,
            *(values(number) if number % 20 else ["1e30"]),
            state="Complete" if number % 9 == 0 else "Paused",
            parameters={
                **{f"parameter{index}": str(number * (index + 7) % 101) for index in range(8)},
                "rate": f"{10 ** -(1 + number % 31 / 10):.6g}",
                "units": str(16 * (1 + number % 4)),
                "optimizer": ("Adam", "SGD")[number % 2],
            },
        )
        for number in range(count)
    ]
    fields: dict[str, Any] = {"best": 9, "axes": MANY_AXES, "goal": "Minimize"}
    return report(*trials, **fields | changes)


REPORTS: dict[str, ExperimentReport] = {
    "a few trials": SMALL,
    "two trials": report(*SMALL.trials[:2], best=1, importance={"rate": "1.00"}),
    "one trial": report(SMALL.trials[0], best=0),
    "none": report(),
    "no finite value": report(trial(0, "nan"), trial(1, None), trial(2, state="Diverged")),
    "none that has finished": report(trial(0, state="Running"), trial(1, state="Running")),
    "one parameter": report(*SMALL.trials, best=1, axes=[RATE]),
    "no parameter": report(SMALL.trials[0], best=0, axes=[]),
    "one name": report(*SMALL.trials, best=1, axes=[OPTIMIZER]),
    "all the same": report(
        *(trial(number, "0.5", parameters={"units": "8"}) for number in range(4)), best=0, axes=[UNITS]
    ),
    "many trials, ten parameters": many(300, importance={axis.name: "0.1" for axis in MANY_AXES}),
    "a conditional parameter": report(
        *(
            trial(number, f"0.{number + 1}", parameters={"rate": "0.1"} if number % 2 else {"optimizer": "Adam"})
            for number in range(4)
        ),
        best=0,
        axes=[RATE, OPTIMIZER],
    ),
    "as large as numbers come": report(trial(0, "1e308"), trial(1, "-1e308"), best=0),
    "words that are formulas elsewhere": report(
        *(trial(number, f"0.{number + 1}", parameters={"a$b_c": "$x_$", "rate": "0.1"}) for number in range(3)),
        best=2,
        metric="$f_1$",
        axes=[ReportedParameter(name="a$b_c", values=["$x_$", "\\frac", "_" * 200]), RATE],
        importance={"a$b_c": "0.5", "$$": "nan"},
    ),
}


def histories(of: ExperimentReport) -> Histories:
    points = {
        trial_of_report.number: tuple((epoch, epoch / 10) for epoch in range(1, trial_of_report.rungs[-1].epoch + 1))
        for trial_of_report in of.trials
        if trial_of_report.rungs and trial_of_report.value not in {None, "nan"}
    }
    return Histories(points, missing=("trial 7: gone",), omitted=700 if len(points) > 100 else 0)


FIGURES: dict[str, Callable[[ExperimentReport, Path], None]] = {
    "objective": objective.draw,
    "parallel": parallel.draw,
    "importance": importance.draw,
    "rungs": lambda of, path: rungs.draw(of, histories(of), path),
}


OTHER_PARAMETERS = {"one parameter", "no parameter", "one name", "a conditional parameter"}
"""Reports that differ from others in their parameters only, which the figures by trial and by epoch do not read."""


def drawn() -> Iterator[tuple[str, str]]:
    """Yield pairs of a figure and a report.

    A figure is left out for reports that differ from another in fields only which it does not read. The figure of the
    importance is the same message for all reports without importances.
    """
    for figure, (name, of) in product(FIGURES, REPORTS.items()):
        if (
            figure == "parallel"
            or (figure == "importance" and (of.importance or name == "none"))
            or (figure in {"objective", "rungs"} and name not in OTHER_PARAMETERS)
        ):
            yield figure, name


@pytest.mark.parametrize(("figure", "name"), list(drawn()))
def test_figures_are_not_blank(figure: str, name: str, tmp_path: Path) -> None:
    FIGURES[figure](REPORTS[name], tmp_path / "figure.png")
    pixels = imread(tmp_path / "figure.png")
    height, width, _ = pixels.shape
    assert 300 < height < 1200
    assert 900 < width < 4000
    assert pixels.std() > 0.01


def test_escape() -> None:
    assert escape("val_accuracy") == "val_accuracy"
    assert escape("$x$") == r"\$x\$"
    assert escape("a" * 100) == "a" * 14 + "…" + "a" * 13


@pytest.mark.parametrize("draw", [objective.draw, parallel.draw])
def test_the_title_shows_omitted_trials(
    draw: Callable[[ExperimentReport, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []
    monkeypatch.setattr(Axes, "set_title", lambda _, title, **__: titles.append(title))
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)
    draw(SMALL.model_copy(update={"omitted": 1200}), tmp_path / "figure.png")
    assert titles[0].endswith(", the best 5 of 1,205")
    assert omitted_label(SMALL) == ""


CONDITIONAL = report(
    *(
        trial(number, f"0.{90 + number}", parameters={"rate": "0.1"} | ({"momentum": "0.9"} if number == 2 else {}))
        for number in range(8)
    ),
    trial(8, "0.1", parameters={"rate": "0.2"}),
    best=7,
    axes=[RATE, ReportedParameter(name="momentum"), UNITS],
    importance={"rate": "1.00"},
)
"""Momentum is in one trial only, units in none, and the value of trial 8 is far below the others."""


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are drawn, except ticks."""
    drawn: list[str] = []
    text, scatter = Axes.text, Axes.scatter

    def drawing(axes: Axes, x: float, y: float, content: str, **looks: Any) -> Any:
        drawn.append(content)
        return text(axes, x, y, content, **looks)

    def marking(axes: Axes, *places: Any, label: str = "", **looks: Any) -> Any:
        drawn.append(label)
        return scatter(axes, *places, label=label, **looks)

    monkeypatch.setattr(Axes, "text", drawing)
    monkeypatch.setattr(Axes, "scatter", marking)
    return drawn


def test_importance_names_the_reason_for_a_missing_parameter(tmp_path: Path, texts: list[str]) -> None:
    importance.draw(CONDITIONAL, tmp_path / "a.png")
    assert texts == [
        " no importance: only 0 of 9 trials set this parameter",
        " no importance: only 1 of 9 trials set this parameter",
        " 1.00",
    ]


def test_importance_of_a_parameter_that_all_trials_use(tmp_path: Path, texts: list[str]) -> None:
    importance.draw(CONDITIONAL.model_copy(update={"axes": [RATE], "importance": {"a": "1"}}), tmp_path / "a.png")
    assert texts == [" no importance has been computed for this parameter", " 1.00"]


def test_parallel_has_a_tick_for_trials_without_a_parameter(tmp_path: Path, texts: list[str]) -> None:
    parallel.draw(CONDITIONAL, tmp_path / "a.png")
    assert texts.count("not set") == 2


class Drawn(NamedTuple):
    """The points that a figure draws: of lines and of marks inside the axes, and of marks at an edge by marker."""

    points: list[tuple[float, float]]
    edges: dict[str, list[float]]


def drawn_by(draw: Callable[[Path], None], path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawn:
    found = Drawn([], {})
    plot, scatter = Axes.plot, Axes.scatter

    def plotting(axes: Axes, xs: Sequence[float], ys: Sequence[float], **looks: Any) -> Any:
        found.points.extend(zip(xs, ys, strict=True))
        return plot(axes, xs, ys, **looks)

    def marking(axes: Axes, xs: Sequence[float], ys: Sequence[float], **looks: Any) -> Any:
        if looks.get("clip_on", True):
            found.points.extend(zip(xs, ys, strict=True))
        elif xs:
            found.edges.setdefault(looks["marker"], []).extend(xs)
        return scatter(axes, xs, ys, **looks)

    monkeypatch.setattr(Axes, "plot", plotting)
    monkeypatch.setattr(Axes, "scatter", marking)
    draw(path)
    return found


def test_rungs_draws_only_values_that_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points: dict[int, Points] = {number: ((1, 0.3), (2, 0.8 + number / 100), (3, 0.9)) for number in range(8)}
    points[8] = ((1, 0.1),)
    of = report(*(trial(number, "0.9") for number in range(9)), best=7)
    found = drawn_by(lambda path: rungs.draw(of, Histories(points), path), tmp_path / "a.png", monkeypatch)
    assert sorted(found.points) == sorted(point for curve in points.values() for point in curve)
    assert found.edges == {}

    values = [value for curve in points.values() for _, value in curve]
    assert visible_range(values, maximize=True)[0] < 0.1
    points[8] = ((1, -5.0), (2, -6.0))
    found = drawn_by(lambda path: rungs.draw(of, Histories(points), path), tmp_path / "b.png", monkeypatch)
    assert set(found.points) == {point for curve in points.values() for point in curve}
    assert found.edges == {"v": [1, 2]}


def test_objective_marks_values_outside_of_the_axis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = drawn_by(lambda path: objective.draw(CONDITIONAL, path), tmp_path / "a.png", monkeypatch)
    assert {value for _, value in found.points} == {float(f"0.{90 + number}") for number in range(8)}
    assert found.edges == {"v": [8]}


def test_parallel_marks_values_outside_of_the_axis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = drawn_by(lambda path: parallel.draw(CONDITIONAL, path), tmp_path / "a.png", monkeypatch)
    assert found.edges == {"v": [3]}


def test_the_legend_names_values_outside_of_the_axis() -> None:
    assert outside_labels([0.5, -2.0, -3.0, 7.0], (0.0, 1.0)) == {
        "v": "values below the axis: 2, down to -3",
        "^": "values above the axis: 1, up to 7",
    }
    assert outside_labels([0.0, 1.0], (0.0, 1.0)) == {}


def test_a_trial_that_diverged_in_a_later_rung_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[str] = []
    scatter = Axes.scatter

    def marking(axes: Axes, *places: Any, label: str = "", **looks: Any) -> Any:
        marked.append(label)
        return scatter(axes, *places, label=label, **looks)

    monkeypatch.setattr(Axes, "scatter", marking)
    objective.draw(report(trial(0, "0.9", "0.8"), trial(1, "0.8", state="Diverged"), best=0), tmp_path / "a.png")
    assert "diverged later: 1" in marked
