"""A bar chart of the parameters' importance: the share of the differences between trials that each explains."""

from pathlib import Path

from epochal_api.experiment.report import ExperimentReport

from epochal_trainer.experiment.figures.canvas import BLUE, canvas, escape, show_message
from epochal_trainer.experiment.values import number


def draw(report: ExperimentReport, path: Path) -> None:
    """Draw a bar for each parameter, with the most important parameter on top.

    If the importance of a parameter is unknown, the reason is written in place of the bar.
    """
    known = {name: share for name, text in report.importance.items() if (share := number(text)) is not None}
    unknown = [axis.name for axis in report.axes if axis.name not in known]
    height = 2.0 + 0.4 * max(len(known) + len(unknown), 4)
    with canvas(report, f"importance of parameters for {escape(report.metric)}", path, height=height) as (_, axes):
        if not known:
            show_message(axes, "no parameter importance has been computed yet")
            return
        names = [*reversed(unknown), *sorted(known, key=lambda name: (known[name], name))]
        axes.barh(range(len(names)), [known.get(name, 0.0) for name in names], color=BLUE, height=0.6)
        for row, name in enumerate(names):
            if name in known:
                axes.text(known[name], row, f" {known[name]:.2f}", va="center", fontsize=9)
            else:
                axes.text(0, row, f" {_reason(report, name)}", va="center", fontsize=9, color="0.4")
        axes.set_yticks(range(len(names)), [escape(name) for name in names])
        axes.set_xlim(0, 1.15 * max(*known.values(), 1e-6))
        axes.set_xlabel("share of the differences between trials")


def _reason(report: ExperimentReport, name: str) -> str:
    """Return why the importance of a parameter is unknown: some trials do not set it, or it is not computed yet."""
    having, shown = sum(name in trial.parameters for trial in report.trials), len(report.trials)
    if having < shown:
        return f"no importance: only {having:,} of {shown:,} trials set this parameter"
    return "no importance has been computed for this parameter"
