"""A figure of each parameter's importance for the differences between trials."""

from pathlib import Path

from epochal_api.experiment.report import ExperimentReport

from epochal_trainer.experiment.figures.canvas import BLUE, canvas, escape, show_message
from epochal_trainer.experiment.values import number


def draw(report: ExperimentReport, path: Path) -> None:
    """Draw a bar for each parameter, with the most important parameter on top."""
    known = {name: share for name, text in report.importance.items() if (share := number(text)) is not None}
    height = 2.0 + 0.4 * max(len(known), 4)
    with canvas(report, f"importance of parameters for {escape(report.metric)}", path, height=height) as (_, axes):
        if not known:
            show_message(axes, "no parameter importance has been computed yet")
            return
        names = sorted(known, key=lambda name: (known[name], name))
        rows = range(len(names))
        axes.barh(rows, [known[name] for name in names], color=BLUE, height=0.6)
        for row, name in zip(rows, names, strict=True):
            axes.text(known[name], row, f" {known[name]:.2f}", va="center", fontsize=9)
        axes.set_yticks(rows, [escape(name) for name in names])
        axes.set_xlim(0, 1.15 * max(*known.values(), 1e-6))
        axes.set_xlabel("share of the differences between trials")
