"""`epochal doctor`: checks whether a TrainingJob can run on the cluster."""

from pathlib import Path
from typing import Annotated

import typer

from epochal.commands.options import environment_of
from epochal.exit_codes import ExitCode


def doctor(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="A file with a TrainingJob: its Secret, buckets, resources and queue are checked, too."),
    ] = None,
) -> None:
    """Find the problems that prevent a TrainingJob from running on the cluster, with a remedy for each.

    With the keys of the Secret, it writes, reads and deletes a small object in the results bucket. It changes nothing
    else.
    """
    from epochal_api.text import printable  # noqa: PLC0415
    from epochal_api.trainingjob.spec import TrainingJob  # noqa: PLC0415 - `--help` needs no model of the API

    from epochal.client import connect  # noqa: PLC0415
    from epochal.client.configuration import NAMESPACE  # noqa: PLC0415
    from epochal.doctor import Level, examine  # noqa: PLC0415
    from epochal.manifests import read_one  # noqa: PLC0415

    environment = environment_of(context)
    job = read_one(environment.path(file), TrainingJob) if file else None
    in_file = job.metadata.namespace if job and "namespace" in job.metadata.model_fields_set else None
    # --namespace and $EPOCHAL_NAMESPACE win over the file.
    cluster = connect(environment, namespace=environment.variables.get(NAMESPACE) or in_file)
    code = ExitCode.DONE
    for check, finding in examine(cluster, job):
        environment.write(printable(f"{finding.level:<8} {check}: {finding.message}"))
        if finding.remedy:
            environment.write(printable(f"{'':<8} {finding.remedy}"))
        if finding.level == Level.PROBLEM and code == ExitCode.DONE:
            code = finding.exit_code
    raise typer.Exit(code)
