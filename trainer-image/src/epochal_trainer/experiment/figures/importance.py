"""A figure of each parameter's importance for the differences between trials."""

from pathlib import Path

from epochal_api.experiment.report import ExperimentReport

from epochal_trainer.experiment.figures.canvas import BLUE, canvas, plain, say
from epochal_trainer.experiment.values import number


def draw(report: ExperimentReport, path: Path) -> None:
    """Draw a bar for each parameter, with the most important parameter on top.

    Args:
        report: The Experiment.
        path: PNG file to write.
    """
    known = {name: share for name, text in report.importance.items() if (share := number(text)) is not None}
    height = 2.0 + 0.4 * max(len(known), 4)
    with canvas(report, f"what {plain(report.metric)} depends on", path, height=height) as (_, axes):
        if not known:
            say(axes, "how much each parameter matters is not known yet")
            return
        names = sorted(known, key=lambda name: (known[name], name))
        places = range(len(names))
        axes.barh(places, [known[name] for name in names], color=BLUE, height=0.6)
        for place, name in zip(places, names, strict=True):
            axes.text(known[name], place, f" {known[name]:.2f}", va="center", fontsize=9)
        axes.set_yticks(places, [plain(name) for name in names])
        axes.set_xlim(0, 1.15 * max(*known.values(), 1e-6))
        axes.set_xlabel("share of the differences between trials")
