"""`epochal results`: lists or downloads the files of an object in the results bucket."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from epochal.commands.options import Force, environment_of, names_of
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode


def results(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(help="A TrainingJob or an Experiment.", autocompletion=names_of("TRAINING_JOBS", "EXPERIMENTS")),
    ],
    files: Annotated[
        list[str] | None, typer.Option("--get", "-g", help="A file to download, or a pattern such as '*.png'.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the downloaded files. Default: the working folder.")
    ] = Path(),
    force: Force = False,
    all_files: Annotated[bool, typer.Option("--all", help="List the files of checkpoints, too.")] = False,
    output: Annotated[
        Literal["table", "json", "name"], typer.Option("--output", "-o", help="Format. name: a URI in each line.")
    ] = "table",
) -> None:
    """List the files of a TrainingJob or Experiment in the results bucket. --get downloads files."""
    from epochal.client import connect  # noqa: PLC0415
    from epochal.client.references import find  # noqa: PLC0415
    from epochal.output_files import require_absent  # noqa: PLC0415
    from epochal.runs.folder import entries, local_path, results_folder, select  # noqa: PLC0415
    from epochal.runs.output import as_json, readable_bytes  # noqa: PLC0415
    from epochal.views.progress import state  # noqa: PLC0415
    from epochal.views.table import table  # noqa: PLC0415

    environment = environment_of(context)
    cluster = connect(environment)
    found = find(cluster, name)
    stored = results_folder(cluster, found)
    if files:
        chosen = select(stored.files(), files)
        target = environment.path(out)
        require_absent((target / local_path(file.key) for file in chosen), force=force)
        for file in chosen:
            environment.write(str(stored.download(file.key, target)))
        return
    lines = entries(stored.files(), all_files=all_files or output != "table")
    if not lines:
        raise EpochalError(
            f"{found.kind.name} {found.name} ({state(found.object)}) has no results yet at {stored.uri}",
            f"`epochal watch {found.name}` shows its progress. A training stores its model at its end.",
            exit_code=ExitCode.NOT_FOUND,
        )
    if output == "json":
        environment.write(as_json([{"uri": stored.uri + line.name, "bytes": line.size} for line in lines]))
    elif output == "name":
        environment.write("\n".join(stored.uri + line.name for line in lines))
    else:
        environment.write(stored.uri)
        rows = [(line.name, readable_bytes(line.size), str(line.files)) for line in lines]
        environment.write(table(("FILE", "SIZE", "FILES"), rows))
