"""`epochal run`: runs a TrainingJob on this machine, without a cluster."""

from pathlib import Path
from typing import Annotated

import typer

from epochal.commands.options import environment_of


def run(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file with a TrainingJob, as YAML or JSON.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder in place of the data bucket. Default: the folder with the name of the bucket, or else the "
            "working folder."
        ),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder in place of the results bucket. Default: ./results.")
    ] = None,
) -> None:
    """Train a TrainingJob on this machine, with folders in place of buckets.

    It needs epochal-trainer. It prints the log to standard error, and the path of the results folder to standard
    output. Ctrl-C stores a checkpoint. The same command then continues from the checkpoint.
    """
    from epochal.local_training import train  # noqa: PLC0415 - `--help` needs no model of the API

    environment = environment_of(context)
    folder = train(
        environment.path(file),
        environment.path(data) if data else None,
        environment.path(results) if results else None,
        environment,
    )
    environment.write(str(folder))
