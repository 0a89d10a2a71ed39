"""The command `check`: prints the problems of TrainingJobs and Experiments in files, with line and column."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from epochal_api.catalogue.findings import Problem
from epochal_api.file_problems import Findings, check_files
from epochal_api.pod import ExitCode

from epochal_trainer import backend


def run(files: Sequence[Path], output: TextIO | None = None, *, shapes: bool = False) -> int:
    """Print the problems of files, a line for each. Return ExitCode.BAD_SPEC if a problem is an error, else DONE.

    Args:
        files: Files with TrainingJobs and Experiments, YAML or JSON.
        output: Where to print; None for standard output.
        shapes: Whether to also build the networks with Keras, which finds layers with incompatible shapes.
    """
    lines, has_errors = check_files(files, find_shape_problems if shapes else None)
    print("\n".join(lines), file=output or sys.stdout)
    return ExitCode.BAD_SPEC if has_errors else ExitCode.DONE


def find_shape_problems(document: Any, found: Sequence[Problem]) -> Findings:
    """Return the errors, such as incompatible shapes, that Keras finds when it builds the network of a document.

    For a network with errors, the result also has a table with the shapes of the layers before the first error.

    The first call imports Keras. `found` are the problems that are already known: layers with such a problem are left
    out.
    """
    if not isinstance(document, Mapping):
        return Findings()
    backend.select_framework("tensorflow")
    from epochal_trainer.checker.shapes import check_shapes  # noqa: PLC0415 - it imports Keras

    return check_shapes(document, found)
