"""`epochal init`: writes the manifest of a TrainingJob that fits a data set."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from epochal.commands.options import Force, environment_of
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

SECRET = "minio-credentials"  # noqa: S105 - a name


def init(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Argument(
            help="An npz file, the idx files of MNIST, a CSV table, or a folder with a folder of photographs for each "
            "class. Without it, the command asks."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to write. Default: NAME.yaml.")] = None,
    name: Annotated[str, typer.Option(help="Name of the TrainingJob. Default: from the path of the data.")] = "",
    bucket: Annotated[str, typer.Option(help="Name of the data bucket. Default: NAME-data.")] = "",
    secret: Annotated[str, typer.Option(help="Name of the Secret with the keys of the storage.")] = SECRET,
    task: Annotated[
        Literal["classes", "labels", "numbers"] | None,
        typer.Option(
            help="Whether labels are classes, several yes-or-no labels, or numbers. Default: by their values."
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of the table that has the labels. Default: the last one.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, help="Height and width in pixels of converted photographs. Default: by their sizes."
        ),
    ] = None,
    *,
    force: Force = False,
) -> None:
    """Write a TrainingJob for a data set, with a network, a loss and metrics that suit its shapes and labels.

    The command converts a table or photographs to an npz file, which the trainer reads.
    """
    environment = environment_of(context)
    if data is None and not environment.can_ask:
        raise EpochalError(
            "there is no terminal for questions",
            "Give the data as an argument: epochal init DATA",
            exit_code=ExitCode.USAGE,
        )
    from epochal_api.text import printable  # noqa: PLC0415

    from epochal.init.inspect_data import default_name, inspect_data  # noqa: PLC0415 - it imports NumPy
    from epochal.init.plan import object_name  # noqa: PLC0415
    from epochal.init.questions import ask_for_data  # noqa: PLC0415
    from epochal.init.write import next_steps, shown, write_training_job  # noqa: PLC0415
    from epochal.output_files import require_absent  # noqa: PLC0415

    path = environment.path(data) if data is not None else None
    name = object_name(name or (default_name(path) if path is not None else ""))
    bucket = bucket or f"{name}-data"
    target = environment.path(out or f"{name}.yaml")
    require_absent([target], force=force)
    if path is None:
        found, folder = ask_for_data(environment), environment.path(".")
    else:
        converted = target.parent / f"{name}.npz"
        found = inspect_data(path, converted, task=task, label=label, side=size, replace=force)
        folder = target.parent if found.is_converted else path if path.is_dir() else path.parent
    try:
        buckets = write_training_job(found, target, name, bucket=bucket, secret=secret, replace=force)
    except EpochalError:
        # Otherwise the corrected command would find a file that exists.
        if found.is_converted:
            (folder / found.files[0]).unlink(missing_ok=True)
        raise
    file = shown(target, environment.folder)
    for line in (*found.notes, *next_steps(found, file, shown(folder, environment.folder), buckets)):
        environment.warn(printable(line))
    environment.write(file)
