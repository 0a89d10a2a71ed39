"""`epochal watch`: shows the progress of objects until they end."""

from typing import Annotated

import typer

from epochal.commands.options import environment_of, names_of


def watch(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            help="NAME, or KIND/NAME such as experiment/search.",
            autocompletion=names_of("TRAINING_JOBS", "EXPERIMENTS", "MODEL_SERVERS"),
        ),
    ],
) -> None:
    """Show the progress of TrainingJobs and Experiments until they end, and of ModelServers until they are Ready.

    In a terminal it draws bars, elsewhere it writes a line for each epoch and each change of the state. The exit code
    is 1 if an object failed.
    """
    from epochal.client import connect  # noqa: PLC0415 - `--help` needs no client
    from epochal.client.kinds import EPOCHAL_KINDS  # noqa: PLC0415
    from epochal.client.references import find  # noqa: PLC0415
    from epochal.tasks.watch import watch_objects  # noqa: PLC0415

    cluster = connect(environment_of(context))
    found = [find(cluster, name, EPOCHAL_KINDS) for name in names]
    raise typer.Exit(watch_objects(cluster, found))
