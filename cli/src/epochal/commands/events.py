"""`epochal events`: prints the state of an object, and its history from Events and conditions."""

from typing import Annotated

import typer

from epochal.commands.options import environment_of, names_of


def events(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            help="NAME, or KIND/NAME such as experiment/search.",
            autocompletion=names_of("TRAINING_JOBS", "EXPERIMENTS", "MODEL_SERVERS"),
        ),
    ],
) -> None:
    """Show why an object waits or has failed, and its history, newest first."""
    from epochal.client import connect  # noqa: PLC0415 - `--help` needs no client
    from epochal.client.kinds import EPOCHAL_KINDS  # noqa: PLC0415
    from epochal.client.references import find  # noqa: PLC0415
    from epochal.views.history import HEADER, entries  # noqa: PLC0415
    from epochal.views.progress import line  # noqa: PLC0415
    from epochal.views.table import table  # noqa: PLC0415

    environment = environment_of(context)
    cluster = connect(environment)
    found = find(cluster, name, EPOCHAL_KINDS)
    now = environment.now()
    environment.write(f"{found.kind.name} {found.name}: {line(found.object, now)}")
    history = entries(found.object, cluster.events(found.kind.name, found.name))
    if history:
        environment.write("\n" + table(HEADER, (entry.row(now) for entry in history)))
    else:
        environment.warn("The object has no Events and no conditions yet. If it gets none, run `epochal doctor`.")
