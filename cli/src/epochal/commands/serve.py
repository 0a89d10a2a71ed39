"""`epochal serve`: writes and applies a ModelServer for the model of a TrainingJob or an Experiment."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from epochal.commands.options import Force, environment_of, names_of
from epochal.exit_codes import ExitCode


def serve(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A TrainingJob or an Experiment.",
            autocompletion=names_of("TRAINING_JOBS", "EXPERIMENTS"),
        ),
    ],
    name: Annotated[str | None, typer.Option("--name", help="Name of the ModelServer. Default: NAME.")] = None,
    images: Annotated[
        Literal["None", "Resize", "Digit"] | None,
        typer.Option(
            "--images", help="How to convert photographs. Default: Resize for networks of color images, else None."
        ),
    ] = None,
    replicas: Annotated[int | None, typer.Option("--replicas", min=0, max=1000, help="Number of pods.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File for the manifest. Default: NAME-server.yaml.")
    ] = None,
    force: Force = False,
    write_only: Annotated[bool, typer.Option("--write-only", help="Write the file, and do not apply it.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the server answers.")] = False,
) -> None:
    """Write the manifest of a ModelServer for trained models to a file, and apply it to the cluster."""
    from epochal.client import connect  # noqa: PLC0415
    from epochal.client.kinds import MODEL_SERVERS  # noqa: PLC0415
    from epochal.client.references import find  # noqa: PLC0415
    from epochal.manifests import write  # noqa: PLC0415
    from epochal.serving.manifest import model_server  # noqa: PLC0415
    from epochal.serving.rollout import wait_until_ready, write_manifest  # noqa: PLC0415

    environment = environment_of(context)
    cluster = connect(environment)
    served = model_server(find(cluster, source), name or source.rpartition("/")[2], images=images, replicas=replicas)
    server = served.document["metadata"]["name"]
    path = environment.path(out or f"{server}-server.yaml")
    write_manifest(path, write(served.document, served.comments), force=force)
    environment.write(f"wrote {path}")
    if served.hint:
        environment.warn(served.hint)
    if write_only:
        return
    cluster.apply(MODEL_SERVERS, served.document)
    environment.write(f"applied modelserver.epochal.dev/{server}")
    if wait and not wait_until_ready(cluster, server, served.document["metadata"]["namespace"]):
        raise typer.Exit(ExitCode.FAILED)
