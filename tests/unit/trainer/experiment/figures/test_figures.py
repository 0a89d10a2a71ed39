"""Each picture is drawn whatever there is to draw, and is not blank."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from epochal_api.experiment.report import ExperimentReport, ReportedParameter
from epochal_trainer.experiment.figures import importance, objective, parallel, rungs
from epochal_trainer.experiment.figures.canvas import left_out, plain
from epochal_trainer.experiment.histories import Histories
from matplotlib.axes import Axes
from matplotlib.image import imread

from tests.unit.trainer.experiment.reports import OPTIMIZER, RATE, SMALL, UNITS, report, trial

MANY_AXES = [*(ReportedParameter(name=f"parameter{index}") for index in range(8)), RATE, OPTIMIZER]


def many(count: int, **changes: Any) -> ExperimentReport:
    """Returns a search of many trials, of which most are stopped early, and some fail or are far worse."""

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
    given: dict[str, Any] = {"best": 9, "axes": MANY_AXES, "goal": "Minimize"}
    return report(*trials, **given | changes)


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
    "a thousand trials, ten parameters": many(1000, importance={axis.name: "0.1" for axis in MANY_AXES}),
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
        one.number: tuple((epoch, epoch / 10) for epoch in range(1, one.rungs[-1].epoch + 1))
        for one in of.trials
        if one.rungs and one.value not in {None, "nan"}
    }
    return Histories(points, missing=("trial 7: gone",), left_out=700 if len(points) > 100 else 0)


FIGURES: dict[str, Callable[[ExperimentReport, Path], None]] = {
    "objective": objective.draw,
    "parallel": parallel.draw,
    "importance": importance.draw,
    "rungs": lambda of, path: rungs.draw(of, histories(of), path),
}


@pytest.mark.parametrize("of", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_picture_is_drawn(
    of: ExperimentReport, draw: Callable[[ExperimentReport, Path], None], tmp_path: Path
) -> None:
    draw(of, tmp_path / "figure.png")
    pixels = imread(tmp_path / "figure.png")
    height, width, _ = pixels.shape
    assert 300 < height < 1200
    assert 900 < width < 4000
    assert pixels.std() > 0.01


def test_a_name_is_drawn_as_it_is_and_not_longer_than_there_is_room() -> None:
    assert plain("val_accuracy") == "val_accuracy"
    assert plain("$x$") == r"\$x\$"
    assert plain("a" * 100) == "a" * 14 + "…" + "a" * 13


@pytest.mark.parametrize("draw", [objective.draw, parallel.draw])
def test_a_title_says_that_trials_are_left_out(draw: Callable[[ExperimentReport, Path], None], tmp_path: Path) -> None:
    draw(SMALL, tmp_path / "all.png")
    draw(SMALL.model_copy(update={"omitted": 1200}), tmp_path / "some.png")
    assert (tmp_path / "all.png").read_bytes() != (tmp_path / "some.png").read_bytes()
    assert left_out(SMALL.model_copy(update={"omitted": 1200})) == ", the best 5 of 1,205"
    assert left_out(SMALL) == ""


def test_a_trial_that_has_diverged_in_a_later_rung_has_a_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[str] = []
    scatter = Axes.scatter

    def marking(axes: Axes, *places: Any, label: str, **looks: Any) -> Any:
        marked.append(label)
        return scatter(axes, *places, label=label, **looks)

    monkeypatch.setattr(Axes, "scatter", marking)
    objective.draw(report(trial(0, "0.9", "0.8"), trial(1, "0.8", state="Diverged"), best=0), tmp_path / "a.png")
    assert "diverged later: 1" in marked
