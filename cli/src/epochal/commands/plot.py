"""`epochal plot`: plots the metrics of trainings, in the terminal or to a file."""

from pathlib import Path
from typing import Annotated

import typer

from epochal.commands.options import Force, environment_of, names_of


def plot(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            help="TrainingJobs, whose curves share a panel; or one Experiment, whose trials are points.",
            autocompletion=names_of("TRAINING_JOBS", "EXPERIMENTS"),
        ),
    ],
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", "-m", help="A metric to plot, such as accuracy. Repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the plot to a .png or .svg file (needs matplotlib).")
    ] = None,
    force: Force = False,
) -> None:
    """Plot the metrics of trainings as curves over the epochs, also while the trainings run."""
    from epochal.client import connect  # noqa: PLC0415
    from epochal.runs.panels import find_panels  # noqa: PLC0415

    environment = environment_of(context)
    path = environment.path(out) if out is not None else None
    if path is not None:
        from epochal.output_files import require_absent  # noqa: PLC0415
        from epochal.runs.image_plots import require_format  # noqa: PLC0415

        require_format(path)
        require_absent([path], force=force)
    panels = find_panels(connect(environment), names, metrics or [])
    if path is not None:
        from epochal.runs.image_plots import save  # noqa: PLC0415

        save(panels, path)
        environment.write(str(path))
        return
    from epochal.runs.text_plots import draw  # noqa: PLC0415

    environment.write(draw(panels, environment.width))
