"""`epochal check`: prints the problems of manifest files."""

from pathlib import Path
from typing import Annotated

import typer

from epochal.commands.options import environment_of
from epochal.exit_codes import ExitCode


def check(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="TrainingJobs, Experiments and ModelServers, as YAML or JSON.")],
    *,
    shapes: Annotated[
        bool,
        typer.Option(
            "--shapes", help="Also build the networks with Keras to find wrong shapes. Needs epochal-trainer."
        ),
    ] = False,
) -> None:
    """Find the problems of manifest files without a cluster, and print each with its line and column."""
    from epochal_api.file_problems import check_files  # noqa: PLC0415 - `--help` needs no catalogue

    environment = environment_of(context)
    further = None
    if shapes:
        from epochal.extras import require_trainer  # noqa: PLC0415

        require_trainer("--shapes")
        from epochal_trainer.check import find_shape_problems  # noqa: PLC0415 - most checks need no Keras

        further = find_shape_problems
    lines, has_errors = check_files([environment.path(file) for file in files], further)
    for line in lines:
        environment.write(line)
    raise typer.Exit(ExitCode.FAILED if has_errors else ExitCode.DONE)
