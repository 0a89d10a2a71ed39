"""Each picture is drawn whatever there is to draw, and is not blank."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from epochal_api.experiment.report import ExperimentReport, ReportedParameter
from epochal_trainer.experiment.figures import importance, objective, parallel, rungs
from epochal_trainer.experiment.figures.canvas import escape, omitted_label
from epochal_trainer.experiment.histories import Histories
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


@pytest.mark.parametrize("of", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figures_are_not_blank(
    of: ExperimentReport, draw: Callable[[ExperimentReport, Path], None], tmp_path: Path
) -> None:
    draw(of, tmp_path / "figure.png")
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


def test_a_trial_that_diverged_in_a_later_rung_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[str] = []
    scatter = Axes.scatter

    def marking(axes: Axes, *places: Any, label: str, **looks: Any) -> Any:
        marked.append(label)
        return scatter(axes, *places, label=label, **looks)

    monkeypatch.setattr(Axes, "scatter", marking)
    objective.draw(report(trial(0, "0.9", "0.8"), trial(1, "0.8", state="Diverged"), best=0), tmp_path / "a.png")
    assert "diverged later: 1" in marked
