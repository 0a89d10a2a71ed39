"""`epochal predict`: prints the predictions of a ModelServer for the samples in files."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from epochal.commands.options import environment_of, names_of


def predict(
    context: typer.Context,
    server: Annotated[str, typer.Argument(help="A ModelServer.", autocompletion=names_of("MODEL_SERVERS"))],
    files: Annotated[list[Path], typer.Argument(help="Photographs (JPEG, PNG, WebP), or samples as npy, npz or CSV.")],
    output: Annotated[
        Literal["table", "json"], typer.Option("--output", "-o", help="Format. json: a line for each sample.")
    ] = "table",
) -> None:
    """Send samples to a ModelServer through the API server, without a port-forward, and print the predictions.

    The API key of a server with spec.auth comes from $EPOCHAL_API_KEY, or from its Secret if you may read it.
    """
    from epochal.client import connect  # noqa: PLC0415
    from epochal.client.kinds import MODEL_SERVERS  # noqa: PLC0415
    from epochal.client.references import find  # noqa: PLC0415
    from epochal.serving.access import Server  # noqa: PLC0415
    from epochal.serving.predict import predictions  # noqa: PLC0415
    from epochal.views.table import table  # noqa: PLC0415

    environment = environment_of(context)
    cluster = connect(environment)
    found = predictions(Server(cluster, find(cluster, server, [MODEL_SERVERS])), files, environment.folder)
    if output == "json":
        # A line for each sample, as it arrives: a file may have millions.
        for each in found:
            environment.write(each.as_json())
        return
    rows: list[list[str]] = []
    columns: list[str] = []
    for each in found:
        columns = [*each.columns]
        rows.append(each.row())
    environment.write(table(["FILE", "SAMPLE", *columns], rows))
