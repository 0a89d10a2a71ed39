"""The command line: `epochal-trainer run JOB.yaml`, and what else the image does."""

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
from epochal_api.pod import REPORT_FILE
from epochal_api.server_pod import MODEL_FOLDER, SERVER_FILE

app = typer.Typer(
    help="Trains the Keras network that a TrainingJob describes.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

FONTS = Path(sys.prefix) / "share" / "matplotlib"
"""What the image was built with of matplotlib's cache: the list of fonts, if it is the image."""


def take_fonts(environ: Mapping[str, str] = os.environ, fonts: Path = FONTS) -> None:
    """Puts the image's list of fonts where matplotlib looks for it, which takes it from no folder it may not write to.

    Args:
        environ: The environment: MPLCONFIGDIR, which is in a pod's own volume, and so empty at first.
        fonts: The folder with the list.
    """
    folder = environ.get("MPLCONFIGDIR")
    if folder and fonts.is_dir():
        with suppress(OSError):  # without it, matplotlib makes the list anew
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
    from epochal_trainer.run import Folders, run  # noqa: PLC0415 - who asks for the version waits for none of it

    take_fonts()
    sys.exit(run(job, Folders(data, results) if data and results else None))


@app.command()
def report(
    content: Annotated[
        Path, typer.Argument(help="The Experiment and its trials, as the operator has written them down.")
    ] = Path(REPORT_FILE),
    results: Annotated[Path | None, typer.Option(help="Folder that stands for the results bucket.")] = None,
) -> None:
    """Write what an Experiment has found, from bucket to bucket."""
    take_fonts()
    from epochal_trainer.experiment.run import run  # noqa: PLC0415 - it imports matplotlib, which looks for its fonts

    sys.exit(run(content, results))


@app.command()
def convert(
    config: Annotated[Path, typer.Option(help="What the server is told, JSON.")] = Path(SERVER_FILE),
    folder: Annotated[Path, typer.Option(help="Where to leave the model.")] = Path(MODEL_FOLDER),
) -> None:
    """Convert the model of a ModelServer to ONNX, before it is served."""
    from epochal_trainer.convert import run  # noqa: PLC0415 - who asks for the version waits for none of it

    sys.exit(run(config, folder))


@app.command()
def version() -> None:
    """Show the version."""
    typer.echo(version_of("epochal-trainer"))


def main() -> None:
    """Runs the command line."""
    # Until the run itself takes it. The first process of a container has no default for it, and would not end. Nor
    # would one by SystemExit: imports run Python in callbacks of weak references, where what is raised is passed over.
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    app()


if __name__ == "__main__":
    main()
