"""Imports the Keras model that a Python program or notebook builds. The program runs in a separate process."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

from epochal_api.text import printable

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.extras import require_trainer
from epochal.importers.imported import Imported, Weights
from epochal.importers.keras_model import runner
from epochal.importers.keras_model.archive import import_archive
from epochal.importers.reading import parse_json, read_text, shown

_NOTEBOOK = ".ipynb"
_MODEL, _ERROR = "model.keras", "error.json"


class _ProgramWeights:
    """The weights of a program's model, in a temporary folder that is deleted with this object.

    Args:
        weights: The weights, which read their file from the folder.
        folder: The temporary folder.
    """

    def __init__(self, weights: Weights, folder: Path) -> None:
        self._weights = weights
        self._delete = finalize(self, rmtree, folder, ignore_errors=True)

    def write(self, path: Path) -> None:
        """Write the weights as a .weights.h5 file."""
        self._weights.write(path)


def import_program(path: Path, *, name: str | None, strict: bool, variable: str | None) -> Imported:
    """Run a program, and return the TrainingJob for the Keras model in one of its variables.

    If `strict`, a detail of the model that is not imported is an error.

    Raises:
        EpochalError: If `variable` is None, the program fails, or the model is not importable.
    """
    if variable is None:
        raise EpochalError(
            "the model of a program is known only after the program has run",
            f"Run it with --run NAME, the variable with the model: epochal import {shown(path.name)} --run model",
            exit_code=ExitCode.USAGE,
        )
    if not variable.isidentifier():
        raise EpochalError(f"--run must be the name of a variable, found {shown(variable)}", exit_code=ExitCode.USAGE)
    require_trainer("--run")
    parts, skipped = _read_parts(path)
    folder = Path(mkdtemp(prefix="epochal-"))
    weights: Weights | None = None
    try:
        model = _run(path, parts, variable, folder)
        imported = import_archive(model, name=name or path.stem, strict=strict, source=f"{variable} in {path.name}")
        if skipped and strict:
            raise EpochalError("\n".join(["--strict: details of the file are lost:", *skipped]))
        if imported.weights is not None:
            weights = _ProgramWeights(imported.weights, folder)
        return replace(imported, warnings=[*skipped, *imported.warnings], weights=weights)
    finally:
        if weights is None:
            rmtree(folder, ignore_errors=True)


def _run(path: Path, parts: Sequence[Mapping[str, str]], variable: str, folder: Path) -> Path:
    """Run a program in a separate process, and return the .keras file with the model of its variable."""
    request = folder / "program.json"
    request.write_text(json.dumps({"file": str(path), "parts": parts}), encoding="utf-8")
    command = [sys.executable, str(Path(runner.__file__)), str(request), variable, str(folder)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}  # TensorFlow logs many lines on import
    code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, env=quiet).returncode
    if code == ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if (folder / _ERROR).exists():
        message = str(json.loads((folder / _ERROR).read_text(encoding="utf-8")))
        raise EpochalError(printable(" ".join(message.split())))
    if code or not (folder / _MODEL).exists():
        raise EpochalError(f"the program ended with the exit code {code}")
    return folder / _MODEL


def _read_parts(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Return the code of a program, or of each cell of a notebook, and a warning for each skipped line.

    Lines that only IPython can run are skipped, such as %matplotlib.
    """
    text = read_text(path)
    if path.suffix != _NOTEBOOK:
        return [{"name": path.name, "code": text}], []
    notebook = parse_json(text, "the notebook")
    cells = notebook.get("cells") if isinstance(notebook, Mapping) else None
    if not isinstance(cells, list):
        raise EpochalError("a notebook must have a list of cells (nbformat 4)")
    parts, skipped = [], list[str]()
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, Mapping) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        source = "".join(map(str, source)) if isinstance(source, list) else str(source)
        lines = source.splitlines()
        is_magic = bool(lines) and lines[0].startswith("%%")
        for index, line in enumerate(lines):
            if is_magic or line.lstrip().startswith(("%", "!", "?")):
                if not is_magic or index == 0:
                    skipped.append(f"cell {number}: {shown(line)} is for IPython, and is not run")
                lines[index] = f"{line[: len(line) - len(line.lstrip())]}pass"
        parts.append({"name": f"cell {number}", "code": "\n".join(lines)})
    return parts, skipped
