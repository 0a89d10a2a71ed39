"""`epochal export`: writes code for a TrainingJob, or downloads its ONNX models."""

import glob
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer

from epochal.commands.options import Force, environment_of, names_of
from epochal.exporters import TargetName

_MAX_FILES = 100
Target = Literal[TargetName, "onnx"]
"""Values of --to: the targets of `epochal.exporters`, and onnx, which downloads files that a training has stored."""


def _complete(context: typer.Context, incomplete: str) -> list[str]:
    """Return completions of a text: paths of YAML and JSON files, and names of TrainingJobs in the cluster."""
    found = Path().glob(f"{glob.escape(incomplete)}*")
    files = [str(path) for path in islice(found, _MAX_FILES) if path.suffix in {".yaml", ".yml", ".json"}]
    return [*sorted(files), *names_of("TRAINING_JOBS")(context, incomplete)]


def export(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME",
            help="A file with a TrainingJob, or the name of a TrainingJob in the cluster.",
            autocompletion=_complete,
        ),
    ],
    to: Annotated[
        Target,
        typer.Option(
            "--to",
            help="keras: a script. notebook: the same in cells, with curves. torch, caffe: the network for these "
            "libraries. onnx: the stored models of a training.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|FOLDER/",
            help="The file to write, or a folder, which ends with a slash or exists. Default: the working folder.",
        ),
    ] = None,
    *,
    simple: Annotated[
        bool,
        typer.Option(
            "--simple",
            help="Let Keras shuffle the samples: a shorter script, but other final weights than the trainer's.",
        ),
    ] = False,
    force: Force = False,
) -> None:
    """Write code that trains the network of a TrainingJob without Epochal, or download its trained models as ONNX.

    The script for keras trains to the same weights as Epochal's trainer, bit for bit, on the same machine with the same
    packages.
    """
    from epochal.tasks.export import export_files, export_onnx  # noqa: PLC0415 - `--help` needs no models

    environment = environment_of(context)
    if to == "onnx":
        files = export_onnx(environment, source, out, force=force)
    else:
        files = export_files(environment, source, to, out, simple=simple, force=force)
    for file in files:
        environment.write(str(file))
