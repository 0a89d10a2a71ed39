"""The child process that imports a file or exports a network: `python -m epochal_studio.conversion.child`.

A file may be hostile, and a conversion would block the event loop. A child process has its own limits of memory and CPU
time, and can be killed. It writes JSON of wire/ to standard output: Imported or Exported with exit code 0, or a
Problem with exit code 3.
"""

import os
import re
import resource
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from epochal.errors import EpochalError
from epochal_api.kind import GROUP
from epochal_api.trainingjob.spec import InvalidTrainingJob, parse

from epochal_studio.networks.reading import UnreadableDocument, read_object
from epochal_studio.problems import MAX_MESSAGE
from epochal_studio.wire.common import Problem
from epochal_studio.wire.documents import Exported, ExportedFile, Imported
from epochal_studio.wire.networks import MAX_YAML

if TYPE_CHECKING:
    from epochal_api.model import Model

MEMORY = 192 * 2**20
"""Maximum bytes of the child's address space. Python and its modules need about a quarter of it."""
CPU_SECONDS = 20
MAX_CODE = 4 * 2**20
"""Maximum bytes of all files of an export. A larger export is refused. A script of 10,000 layers has 1 MiB."""
REFUSED = 3
"""Exit code when standard output has a Problem for the user. Exit code 1 is an unexpected exception."""
OUT_OF_MEMORY = 4
_MAX_LINE = 500
"""Maximum characters of a warning or placeholder. A longer text is cut."""
_IMPORT = "with the command on your computer: epochal import FILE -o NAME.yaml"
_EXPORT = "Export it with the command on your computer: epochal export FILE --to TARGET"
_FORMATS = (
    "Studio imports flows (.nnd), models (.keras, and the JSON of model.to_json()), Experiments of Katib, manifests of "
    "FfDL, and TrainingJobs and Experiments of Epochal."
)
_CORRECT = "Correct the problems that the modeler lists."
_NOT_SIMPLE = "Export it without the option that Keras shuffles the samples."
_OPTION = re.compile(r"(^|\s)--\w|\bepochal \w")
"""Matches a remedy that names an option or a subcommand of the command `epochal`, which Studio's users do not have."""
_EXPERIMENT = "Experiment"
_KINDS = ("TrainingJob", _EXPERIMENT)
_OWN = re.compile(rf"""apiVersion["']?\s*:\s*["']?{re.escape(GROUP)}/""")
"""Matches the apiVersion of a manifest of Epochal in a text, even if the text is not valid YAML or JSON."""
_PROGRAMS, _HDF5 = frozenset({".py", ".ipynb"}), b"\x89HDF"
_MANIFESTS = frozenset({".yaml", ".yml", ".json"})

T = TypeVar("T")


def import_network(path: Path) -> Imported:
    """Return the TrainingJob or Experiment that is imported from a file, without the weights.

    Args:
        path: Path of the file in the working folder, so that messages contain only its name. Its suffix and its content
            decide the format.

    Raises:
        EpochalError: If the file is damaged, has an unknown format, or has a format that only the command imports
            (Python programs, notebooks, HDF5).
    """
    from epochal.importers import import_file  # noqa: PLC0415 - Studio itself and an export need no importers
    from epochal.importers.draft import MAX_WARNINGS  # noqa: PLC0415

    suffix = path.suffix.lower()
    if suffix in _PROGRAMS:
        message = f"{path}: only a run of the program creates its model, and Studio runs no programs"
        remedy = f"Run it on your computer: epochal import {path} --run model -o NAME.yaml. Then import NAME.yaml here."
        raise EpochalError(message, remedy)
    with path.open("rb") as file:
        if file.read(len(_HDF5)) == _HDF5:
            message = f"{path}: Studio does not read HDF5 files"
            remedy = (
                f"Save the model as a .keras file in Keras, and import that file. Or import the HDF5 file {_IMPORT}"
            )
            raise EpochalError(message, remedy)
    if suffix in _MANIFESTS and (own := _own_manifest(path)) is not None:
        return own
    found = _with_remedy(lambda: import_file(path), _FORMATS)
    has_weights = found.weights is not None
    found = found.without_weights()
    return Imported(
        yaml=_bounded(found.text),
        warnings=_lines(found.warnings, MAX_WARNINGS),
        placeholders=_lines(found.placeholders, MAX_WARNINGS),
        has_weights=has_weights,
    )


def _lines(found: Sequence[str], most: int) -> list[str]:
    """Return at most `most` + 1 lines, each cut at _MAX_LINE characters.

    After `most` lines, the library adds a last line with the number of the omitted lines.
    """
    return [line[:_MAX_LINE] for line in found[: most + 1]]


def _own_manifest(path: Path) -> Imported | None:
    """Return the unchanged text if a file is a TrainingJob or an Experiment; None for any other file.

    Raises:
        EpochalError: If the file has Epochal's apiVersion, but is unreadable or too large.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MAX_YAML + 1)
    except UnicodeDecodeError:
        return None
    if not _OWN.search(text):
        return None
    try:
        document = read_object(_bounded(text))
    except UnreadableDocument as error:
        remedy = "Write the TrainingJob or the Experiment into a file of its own, as JSON or YAML."
        raise EpochalError(f"{path}: {error.problem.message}", remedy) from None
    is_own = str(document.get("apiVersion", "")).startswith(f"{GROUP}/") and document.get("kind") in _KINDS
    return Imported(yaml=text, warnings=[], placeholders=[], has_weights=False) if is_own else None


def _bounded(text: str) -> str:
    if len(text) > MAX_YAML:
        message = f"the YAML has more than {MAX_YAML:,} characters, the maximum that Studio edits"
        raise EpochalError(message, f"Import it {_IMPORT}")
    return text


def export_network(path: Path, target: str, *, simple: bool) -> Exported:
    """Return the code for another tool that trains the network of a TrainingJob.

    Args:
        path: YAML file with the TrainingJob.
        target: The other tool, such as keras.
        simple: Whether the code uses the usual calls of Keras in place of Epochal's exact order of samples.

    Raises:
        EpochalError: If the file has no valid TrainingJob, the other tool lacks one of its features, or the code is
            too large.
    """
    from epochal.exporters import export  # noqa: PLC0415 - an import needs no exporters

    try:
        document = read_object(path.read_text())
        if document.get("kind") == _EXPERIMENT:
            message = "an Experiment trains a network for each trial, so Studio cannot export an Experiment as code"
            raise EpochalError(message, "Import the YAML of a trial into the modeler, and export its network.")
        job = parse(document)
    except UnreadableDocument as error:
        raise EpochalError(error.problem.message) from None
    except InvalidTrainingJob as error:
        raise EpochalError(f"The text is no valid TrainingJob: {error}", _CORRECT) from None
    files = _with_remedy(lambda: export(job, target, simple=simple), _CORRECT)
    if (size := sum(map(len, files.values()))) > MAX_CODE:
        raise EpochalError(f"the code has {size:,} bytes, but Studio returns at most {MAX_CODE:,}", _EXPORT)
    return Exported(files=[ExportedFile(name=name, text=content.decode()) for name, content in files.items()])


def _with_remedy(function: Callable[[], T], remedy: str) -> T:
    """Return the result of a function. In its EpochalError, replace a remedy for the command line by one for Studio.

    A remedy with options of the command `epochal` is replaced by `remedy`.
    """
    try:
        return function()
    except EpochalError as error:
        if "--simple" in error.remedy:
            remedy = _NOT_SIMPLE
        elif not _OPTION.search(error.remedy):
            remedy = error.remedy.replace(", onnx", "")  # Only the command exports to ONNX.
        raise EpochalError(error.message, remedy) from None


def main(arguments: Sequence[str]) -> int:
    """Import or export a file, write the result as JSON to standard output, and return the exit code.

    Args:
        arguments: `import PATH`, or `export PATH TARGET`, or `export PATH TARGET simple`.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))  # at the second limit, it is killed
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    action, file, *options = arguments
    os.chdir(Path(file).parent)
    path = Path(Path(file).name)
    found: Model
    try:
        found = (
            import_network(path) if action == "import" else export_network(path, options[0], simple="simple" in options)
        )
        code = 0
    except EpochalError as error:
        found, code = Problem(reason="Failed", message=error.message[:MAX_MESSAGE], remedy=error.remedy), REFUSED
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:  # noqa: BLE001 - its message may have values of the file, which no log may have
        sys.stderr.write("".join([*traceback.format_tb(error.__traceback__), type(error).__name__]))
        return 1
    sys.stdout.write(found.model_dump_json())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
