"""`epochal logs`: prints the log of a TrainingJob."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from epochal.commands.options import environment_of, names_of
from epochal.exit_codes import ExitCode


def logs(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A TrainingJob.", autocompletion=names_of("TRAINING_JOBS"))],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for the pod, and for its lines.")] = False,
) -> None:
    """Print the log of a TrainingJob: from its pods while they exist, then from the results bucket.

    With --follow the exit code is 1 if the job fails.
    """
    from epochal.client import connect  # noqa: PLC0415
    from epochal.client.kinds import TRAINING_JOBS  # noqa: PLC0415
    from epochal.client.references import Found, find  # noqa: PLC0415
    from epochal.runs.logs import LOG, LogReader, finished  # noqa: PLC0415

    environment = environment_of(context)
    cluster = connect(environment)
    found = find(cluster, name, [TRAINING_JOBS])

    def stored_log(job: dict[str, Any]) -> Iterator[str]:
        from epochal.runs.folder import results_folder  # noqa: PLC0415 - a pod that exists needs no bucket

        return results_folder(cluster, Found(TRAINING_JOBS, found.name, job)).lines(LOG)

    reader = LogReader(cluster, found.name, stored_log)
    for line in reader.lines(follow=follow):
        environment.write(line)
    if follow and finished(reader.job) is False:
        environment.warn(f"epochal: TrainingJob {found.name} failed. `epochal events {found.name}` has the reason.")
        raise typer.Exit(ExitCode.FAILED)
