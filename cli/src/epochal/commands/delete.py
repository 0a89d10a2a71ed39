"""`epochal delete` deletes objects."""

from typing import Annotated

import typer

from epochal.commands.options import environment_of, names_of
from epochal.exit_codes import ExitCode


def delete(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            help="NAME, or KIND/NAME such as modelserver/digits.",
            autocompletion=names_of("TRAINING_JOBS", "EXPERIMENTS", "MODEL_SERVERS"),
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without a question.")] = False,
) -> None:
    """Delete TrainingJobs, Experiments and ModelServers. Results stay in the bucket.

    In a terminal, the command asks before it deletes. Without a terminal, it deletes without a question.
    """
    from epochal.client import connect  # noqa: PLC0415 - `--help` needs no client
    from epochal.client.references import find_all  # noqa: PLC0415
    from epochal.views.progress import line  # noqa: PLC0415

    environment = environment_of(context)
    cluster = connect(environment)
    found = find_all(cluster, names)
    if environment.can_ask and not yes:
        for each in found:
            environment.warn(f"{each}: {line(each.object, environment.now())}")
        print("Delete? Results stay in the bucket. [y/N] ", end="", file=environment.stderr, flush=True)
        if environment.stdin.readline().strip().lower() not in {"y", "yes"}:
            environment.warn("Nothing was deleted.")
            raise typer.Exit(ExitCode.REFUSED)
    for each in found:
        cluster.delete(each.kind, each.name, uid=each.object["metadata"].get("uid") or "")
        environment.write(f"{each} deleted")
