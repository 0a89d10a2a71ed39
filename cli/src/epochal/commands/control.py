"""`epochal suspend`, `resume` and `finish`: set the fields spec.suspend and spec.finish of running objects."""

from typing import Annotated

import typer

from epochal.commands.options import environment_of, names_of

Names = Annotated[
    list[str],
    typer.Argument(
        help="NAME, or KIND/NAME such as experiment/search.", autocompletion=names_of("TRAINING_JOBS", "EXPERIMENTS")
    ),
]


def suspend(context: typer.Context, names: Names) -> None:
    """Suspend TrainingJobs and Experiments: their pods end. `epochal resume` continues at the same training step."""
    _set(context, names, "suspend", value=True)


def resume(context: typer.Context, names: Names) -> None:
    """Resume suspended TrainingJobs and Experiments: their pods start again."""
    _set(context, names, "suspend", value=False)


def finish(context: typer.Context, names: Names) -> None:
    """End TrainingJobs after the running epoch, and Experiments after the running trials, and keep their results."""
    _set(context, names, "finish", value=True)


def _set(context: typer.Context, names: list[str], field: str, *, value: bool) -> None:
    from epochal.client import connect  # noqa: PLC0415 - `--help` needs no client
    from epochal.client.kinds import EXPERIMENTS, TRAINING_JOBS  # noqa: PLC0415
    from epochal.client.references import find_all  # noqa: PLC0415
    from epochal.tasks.control import set_field  # noqa: PLC0415

    environment = environment_of(context)
    cluster = connect(environment)
    for each in find_all(cluster, names, (TRAINING_JOBS, EXPERIMENTS)):
        environment.write(f"{each} {set_field(cluster, each, field, value=value)}")
