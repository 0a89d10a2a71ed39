"""`epochal continue`: creates a TrainingJob that continues the training of another TrainingJob."""

from typing import Annotated, Literal

import typer

from epochal.commands.options import environment_of, names_of


def continue_training(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the TrainingJob.", autocompletion=names_of("TRAINING_JOBS"))],
    epochs: Annotated[
        str,
        typer.Option(
            "--epochs",
            help="Total number of epochs, such as 30, or additional epochs, such as +10.",
            show_default=False,
        ),
    ],
    new_name: Annotated[
        str | None, typer.Option("--name", help="Name of the new TrainingJob. Default: NAME-2, NAME-3, …")
    ] = None,
    from_: Annotated[Literal["Last", "Best"], typer.Option("--from", help="The epoch to continue from.")] = "Last",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show the progress until the end.")] = False,
) -> None:
    """Continue the training of a TrainingJob in a new TrainingJob with the same spec and more epochs."""
    from epochal.client import connect  # noqa: PLC0415 - `--help` needs no client
    from epochal.client.kinds import TRAINING_JOBS  # noqa: PLC0415
    from epochal.client.references import find  # noqa: PLC0415
    from epochal.tasks.continuation import create_continuation, total_epochs  # noqa: PLC0415
    from epochal.tasks.watch import watch_objects  # noqa: PLC0415
    from epochal.views.progress import FINISHED, state  # noqa: PLC0415

    environment = environment_of(context)
    cluster = connect(environment)
    job = find(cluster, name, (TRAINING_JOBS,))
    total = total_epochs(epochs, job.object)
    created = create_continuation(cluster, job.object, total, name=new_name, from_=from_)
    waits = "" if state(job.object) in FINISHED else f", which starts when {job.name} has ended"
    environment.write(f"{created} created{waits}")
    if watch:
        raise typer.Exit(watch_objects(cluster, [created]))
