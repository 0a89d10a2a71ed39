"""The command line of the trainer's image: `epochal-trainer run JOB.yaml`, and its other commands."""

import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer
from epochal_api.checker import PORT
from epochal_api.modelserver.pod import MODEL_FOLDER, SERVER_FILE
from epochal_api.pod import REPORT_FILE

app = typer.Typer(
    help="Trains the Keras network that a TrainingJob describes.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

FONTS = Path(sys.prefix) / "share" / "matplotlib"
"""Folder with matplotlib's prebuilt font list. It exists only in the trainer's image."""


def copy_font_cache(environ: Mapping[str, str] = os.environ, fonts: Path = FONTS) -> None:
    """Copy the image's font list to matplotlib's cache folder (MPLCONFIGDIR), so that matplotlib need not build it.

    Matplotlib cannot use the list in the image directly: it ignores a cache folder without write access.
    """
    folder = environ.get("MPLCONFIGDIR")
    if folder and fonts.is_dir():
        with suppress(OSError):  # without the copy, matplotlib builds the list again
            shutil.copytree(fonts, folder, dirs_exist_ok=True)


@app.command()
def run(
    job: Annotated[Path, typer.Argument(help="The TrainingJob, a JSON or YAML file.", show_default=False)],
    data: Annotated[Path | None, typer.Option(help="Folder in place of the data bucket.")] = None,
    results: Annotated[Path | None, typer.Option(help="Folder in place of the results bucket.")] = None,
) -> None:
    """Train a network, from bucket to bucket, or from folder to folder."""
    if (data is None) != (results is None):
        raise typer.BadParameter("--data and --results must be used together")
    from epochal_trainer.run import Folders, run  # noqa: PLC0415 - imported late, so that `version` is fast

    copy_font_cache()
    sys.exit(run(job, Folders(data, results) if data and results else None))


@app.command()
def check(
    files: Annotated[
        list[Path], typer.Argument(help="TrainingJobs and Experiments, YAML or JSON.", show_default=False)
    ],
    *,
    shapes: Annotated[bool, typer.Option("--shapes", help="Also find wrong shapes, which takes seconds.")] = False,
) -> None:
    """Print the problems of TrainingJobs and Experiments, with line and column."""
    from epochal_trainer.check import run  # noqa: PLC0415 - imported late, so that `version` is fast

    sys.exit(run(files, shapes=shapes))


@app.command()
def report(
    content: Annotated[Path, typer.Argument(help="The operator's file with the Experiment and its trials.")] = Path(
        REPORT_FILE
    ),
    results: Annotated[Path | None, typer.Option(help="Folder in place of the results bucket.")] = None,
) -> None:
    """Write an Experiment's report (table, best trial, figures) into the results bucket or a folder."""
    copy_font_cache()
    from epochal_trainer.experiment.run import run  # noqa: PLC0415 - it imports matplotlib, which reads the fonts

    sys.exit(run(content, results))


@app.command()
def convert(
    config: Annotated[Path, typer.Option(help="The server's configuration, JSON.")] = Path(SERVER_FILE),
    folder: Annotated[Path, typer.Option(help="Folder for the converted model.")] = Path(MODEL_FOLDER),
) -> None:
    """Convert the .keras model of a ModelServer to ONNX, before the server starts."""
    from epochal_trainer.convert import run  # noqa: PLC0415 - imported late, so that `version` is fast

    sys.exit(run(config, folder))


@app.command()
def checker(port: Annotated[int, typer.Option(help="Port of the HTTP server.")] = PORT) -> None:
    """Run the HTTP server that answers with the shapes and errors of networks before a pod trains them."""
    from epochal_trainer.checker.server import run  # noqa: PLC0415 - imported late, so that `version` is fast

    sys.exit(run(port))


@app.command()
def version() -> None:
    """Show the version of the trainer."""
    typer.echo(version_of("epochal-trainer"))
