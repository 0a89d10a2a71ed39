"""`epochal compare`: compares the specs and metrics of runs (TrainingJobs, or trials of Experiments)."""

from typing import Annotated, Literal

import typer

from epochal.commands.options import environment_of, names_of
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode


def compare(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            help="TrainingJobs, Experiments (their best trials), or trials as EXPERIMENT/NUMBER.",
            autocompletion=names_of("TRAINING_JOBS", "EXPERIMENTS"),
        ),
    ],
    output: Annotated[Literal["table", "json"], typer.Option("--output", "-o", help="Format.")] = "table",
) -> None:
    """Print the spec fields in which runs differ, and the metrics of the runs."""
    from epochal.client import connect  # noqa: PLC0415
    from epochal.runs.comparison import compare as differences  # noqa: PLC0415
    from epochal.runs.output import as_json, shortened_row  # noqa: PLC0415
    from epochal.runs.selection import find_runs  # noqa: PLC0415
    from epochal.views.table import table  # noqa: PLC0415

    environment = environment_of(context)
    runs = find_runs(connect(environment), names)
    if len(runs) < 2:  # noqa: PLR2004
        raise EpochalError(
            f"there is only one run to compare, {runs[0].name}.",
            "Name another TrainingJob, or an Experiment with several trials.",
            exit_code=ExitCode.USAGE,
        )
    comparison = differences(runs)
    cut = [run.name for run in runs if run.is_cut]
    if cut:
        environment.warn(
            f"epochal: warning: some fields are not compared, because these runs have too many: {', '.join(cut)}."
        )
    if output == "json":
        environment.write(as_json(comparison.as_json()))
        return
    rows = [shortened_row(row, 48) for row in comparison.table()]
    if len(runs) > 4:  # noqa: PLR2004 - a row for each run is shorter
        rows = [list(column) for column in zip(*rows, strict=True)]
    environment.write(table(rows[0], rows[1:]))
    if not comparison.fields and not cut:
        environment.warn("The specs are equal.")
