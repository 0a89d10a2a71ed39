"""`epochal import`: converts a file of another tool to a manifest of Epochal."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epochal.commands.options import Force, environment_of
from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

if TYPE_CHECKING:
    from epochal.importers.imported import Imported


def import_file(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="A flow (.nnd), a Keras model (.keras, .h5, JSON), a program (.py, .ipynb), an Experiment of Katib, "
            "hyper_parameters_optimization, or a manifest.yml of FfDL."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write. Default: standard output.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the object. Default: the name in the file.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if a detail of the file cannot be imported.")] = False,
    upload: Annotated[
        str | None,
        typer.Option(
            help="Store the weights at s3://BUCKET/NAME.weights.h5, or in s3://BUCKET/FOLDER/, and set network.weights."
        ),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Run the program FILE, and import the model in its variable of this name.")
    ] = None,
    no_weights: Annotated[bool, typer.Option("--no-weights", help="Import the network without its weights.")] = False,
    force: Force = False,
) -> None:
    """Convert a file of another tool to a TrainingJob or an Experiment, and name each detail that is lost.

    The weights of a model are written beside OUT, as NAME.weights.h5.
    """
    from epochal_api.text import printable  # noqa: PLC0415

    from epochal import importers  # noqa: PLC0415 - `--help` needs no catalogue
    from epochal.importers.output import write_import  # noqa: PLC0415

    environment = environment_of(context)
    if upload is not None and out is None:
        message = "--upload needs the file of the manifest"
        raise EpochalError(message, "Add -o FILE.", exit_code=ExitCode.USAGE)
    imported = importers.import_file(environment.path(file), name=name, strict=strict, run=run)
    has_weights = imported.weights is not None and not no_weights
    if upload is not None and not has_weights:
        raise EpochalError(f"{printable(str(file))} has no weights to upload", "Import it without --upload.")
    if not has_weights or out is None:
        imported = imported.without_weights()
    for line in imported.warnings:
        environment.warn(f"warning: {line}")
    if out is None:
        if has_weights:
            environment.warn("warning: the weights are not written: add -o FILE, or --no-weights")
        environment.stdout.write(imported.text)
    else:
        store = _Upload(upload, imported, environment) if upload is not None else None
        for path in write_import(imported, environment.path(out), replace=force, upload=store):
            environment.write(printable(str(path)))
        if store is not None:
            environment.write(store.uri)
    for line in _next_steps(imported, is_unused=out is not None and has_weights and upload is None):
        environment.warn(line)


def _next_steps(imported: "Imported", *, is_unused: bool) -> Iterator[str]:
    """Yield what the user must do before `epochal submit`. `is_unused`: network.weights lacks the weights file."""
    if is_unused:
        yield (
            "The TrainingJob does not use the file of weights yet: upload it, and set network.weights. Or import with "
            "--upload s3://BUCKET/. Otherwise the training starts from new weights."
        )
    if imported.placeholders:
        yield f"Before you submit the manifest, fill in: {', '.join(imported.placeholders)}"


class _Upload:
    """Uploads the weights to a bucket, with the user's AWS keys, or else the keys in the manifest's Secret."""

    def __init__(self, uri: str, imported: "Imported", environment: Environment) -> None:
        from re import fullmatch  # noqa: PLC0415

        from epochal_api.trainingjob.network import MODEL_FILE_PATTERN  # noqa: PLC0415

        document = imported.document
        self.uri = f"{uri}{document['metadata']['name']}.weights.h5" if uri.endswith("/") else uri
        if not fullmatch(MODEL_FILE_PATTERN, self.uri) or not self.uri.endswith(".weights.h5"):
            raise EpochalError(
                f"--upload must be s3://BUCKET/NAME.weights.h5 or s3://BUCKET/FOLDER/, found {uri[:100]!r}",
                exit_code=ExitCode.USAGE,
            )
        self._storage = document["spec"]["storage"]
        self._environment = environment

    def __call__(self, path: Path) -> str:
        from epochal.client import connect  # noqa: PLC0415 - only for an upload
        from epochal.client.buckets import split_uri  # noqa: PLC0415
        from epochal.client.open_bucket import open_bucket  # noqa: PLC0415

        variables = self._environment.variables
        has_keys = variables.get("AWS_ACCESS_KEY_ID") and variables.get("AWS_SECRET_ACCESS_KEY")
        cluster = None if has_keys else connect(self._environment)
        bucket = open_bucket(cluster, self._storage, self.uri, environment=self._environment)
        with path.open("rb") as file:
            bucket.upload(split_uri(self.uri)[1], file, path.stat().st_size)
        return self.uri
