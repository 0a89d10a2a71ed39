"""`epochal submit`: creates the objects of a manifest file in the cluster."""

from pathlib import Path
from typing import Annotated

import typer

from epochal.commands.options import environment_of
from epochal.errors import EpochalError


def submit(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="TrainingJobs, Experiments and ModelServers, as YAML or JSON.")],
    name: Annotated[
        str | None, typer.Option("--name", help="New name of the object, if the file has only one object.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show the progress until the end.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Let the API server check the objects, and create none.")
    ] = False,
) -> None:
    """Check the objects of a file, and create them in the cluster. Nothing is created if the check finds an error."""
    from epochal_api.file_problems import check_files  # noqa: PLC0415

    from epochal import manifests  # noqa: PLC0415 - `--help` needs no catalogue
    from epochal.client import connect  # noqa: PLC0415
    from epochal.tasks.submit import submit as create  # noqa: PLC0415
    from epochal.tasks.watch import watch_objects  # noqa: PLC0415

    environment = environment_of(context)
    path = environment.path(file)
    lines, has_errors = check_files([path])
    if has_errors:
        raise EpochalError("\n".join(lines), "Nothing was created.")
    for line in lines:
        if ": warning: " in line:
            environment.warn(line)
    documents = [manifest.document for manifest in manifests.read(path)]
    cluster = connect(environment)
    created = []
    for each in create(cluster, documents, name=name, dry_run=dry_run):
        created.append(each)
        environment.write(f"{each} {'would be created' if dry_run else 'created'}")
    if watch and not dry_run:
        raise typer.Exit(watch_objects(cluster, created))
