"""The command line: `epochal-trainer run JOB.yaml`, and the other commands of the image."""

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer
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
"""Folder in the image with the prebuilt font list of matplotlib's cache. It exists in the image only."""


def take_fonts(environ: Mapping[str, str] = os.environ, fonts: Path = FONTS) -> None:
    """Copy the image's font list to matplotlib's cache folder.

    Matplotlib ignores a list in a folder without write access, so it cannot read the image's list itself.

    Args:
        environ: The environment: MPLCONFIGDIR is in a volume of the pod, which is empty at first.
        fonts: The folder with the list.
    """
    folder = environ.get("MPLCONFIGDIR")
    if folder and fonts.is_dir():
        with suppress(OSError):  # without the copy, matplotlib builds the list again
            shutil.copytree(fonts, folder, dirs_exist_ok=True)


@app.command()
def run(
    job: Annotated[Path, typer.Argument(help="The TrainingJob, a JSON or YAML file.", show_default=False)],
    data: Annotated[Path | None, typer.Option(help="Folder that stands for the data bucket.")] = None,
    results: Annotated[Path | None, typer.Option(help="Folder that stands for the results bucket.")] = None,
) -> None:
    """Train a network, from bucket to bucket, or from folder to folder."""
    if (data is None) != (results is None):
        raise typer.BadParameter("--data and --results go together")
    from epochal_trainer.run import Folders, run  # noqa: PLC0415 - imported late, so that `version` is fast

    take_fonts()
    sys.exit(run(job, Folders(data, results) if data and results else None))


@app.command()
def report(
    content: Annotated[
        Path, typer.Argument(help="The Experiment and its trials, as the operator has written them down.")
    ] = Path(REPORT_FILE),
    results: Annotated[Path | None, typer.Option(help="Folder that stands for the results bucket.")] = None,
) -> None:
    """Write an Experiment's report, from bucket to bucket."""
    take_fonts()
    from epochal_trainer.experiment.run import run  # noqa: PLC0415 - it imports matplotlib, which reads the fonts

    sys.exit(run(content, results))


@app.command()
def convert(
    config: Annotated[Path, typer.Option(help="What the server is told, JSON.")] = Path(SERVER_FILE),
    folder: Annotated[Path, typer.Option(help="Where to leave the model.")] = Path(MODEL_FOLDER),
) -> None:
    """Convert the model of a ModelServer to ONNX, before it is served."""
    from epochal_trainer.convert import run  # noqa: PLC0415 - imported late, so that `version` is fast

    sys.exit(run(config, folder))


@app.command()
def version() -> None:
    """Show the version of the trainer."""
    typer.echo(version_of("epochal-trainer"))


def main() -> None:
    """Run the command line."""
    # Until the run sets its own handler. The first process of a container has no default action for SIGTERM, and would
    # not end. SystemExit would not end it either: imports run Python in callbacks of weak references, where exceptions
    # are ignored.
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    app()


if __name__ == "__main__":
    main()
