"""`epochal list`: prints a table of objects with their state and metric."""

from typing import Annotated, Literal

import typer

from epochal.commands.options import environment_of
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

Output = Literal["table", "wide", "json", "yaml", "name"]


def list_objects(
    context: typer.Context,
    kind: Annotated[
        str, typer.Argument(help="trainingjobs (tj), experiments (exp), modelservers (msv) or all.")
    ] = "trainingjobs",
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="The objects of all namespaces.")
    ] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="Format.")] = "table",
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only objects in this state, such as Running. Repeatable.")
    ] = None,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Only objects with these labels.")] = "",
    sort: Annotated[
        str, typer.Option("--sort", help="Sort by a metric of the last epoch, such as val_loss: the best first.")
    ] = "",
    reverse: Annotated[bool, typer.Option("--reverse", help="Reverse the order.")] = False,
) -> None:
    """List TrainingJobs, or objects of another kind, with state, epoch and metric."""
    from epochal.client import connect  # noqa: PLC0415 - `--help` needs no client
    from epochal.client.kinds import EPOCHAL_KINDS, TRAINING_JOBS  # noqa: PLC0415
    from epochal.client.references import kind_of  # noqa: PLC0415
    from epochal.tasks.list_objects import ListOptions, list_as_text  # noqa: PLC0415
    from epochal.views.selection import checked_states  # noqa: PLC0415

    environment = environment_of(context)
    kinds = EPOCHAL_KINDS if kind.lower() == "all" else (kind_of(kind),)
    if sort and kinds != (TRAINING_JOBS,):
        raise EpochalError(
            "--sort needs the metrics of TrainingJobs.", "Omit the kind, or --sort.", exit_code=ExitCode.USAGE
        )
    options = ListOptions(kinds, checked_states(kinds, state or []), selector, sort, reverse, all_namespaces)
    cluster = connect(environment)
    for line in list_as_text(cluster, options, output):
        environment.write(line)
