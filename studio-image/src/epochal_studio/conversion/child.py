"""The process that reads a file of another tool, or writes code: `python -m epochal_studio.conversion.child`.

A file may be hostile, and both take time without a pause. A process of its own bounds the memory, leaves the event loop
free, and can be killed. It writes JSON of wire.py to standard output: the result, or a Problem with exit code 3.
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
from epochal_studio.wire import MAX_YAML, Exported, ExportedFile, Imported, Problem

if TYPE_CHECKING:
    from epochal_api.model import Model

MEMORY = 192 * 2**20
"""Maximum bytes of the address space. The process itself takes about a quarter of it."""
CPU_SECONDS = 20
MAX_CODE = 4 * 2**20
"""Maximum bytes of exported code. A script of 10,000 layers has 1 MiB."""
REFUSED = 3
"""Exit code with a Problem on standard output. Python ends with 1 after a fault."""
OUT_OF_MEMORY = 4
_MAX_LINE = 500
"""Maximum characters of a warning or placeholder."""
_IMPORT = "Import it with the command on your computer: epochal import FILE -o NAME.yaml"
_EXPORT = "Export it with the command on your computer: epochal export FILE --to TARGET"
_FORMATS = (
    "Studio imports flows (.nnd), models (.keras, and the JSON of model.to_json()), Experiments of Katib, manifests of "
    "FfDL, and TrainingJobs and Experiments of Epochal."
)
_CORRECT = "Correct the problems that the modeler lists."
_NOT_SIMPLE = "Export it without the choice that Keras shuffles the samples."
_OPTION = re.compile(r"(^|\s)--\w|\bepochal \w")
"""An option or a use of the command, which a remedy of the library may name."""
_EXPERIMENT = "Experiment"
_KINDS = ("TrainingJob", _EXPERIMENT)
_OWN = re.compile(rf"""apiVersion["']?\s*:\s*["']?{re.escape(GROUP)}/""")
"""The field by which a text is a manifest of Epochal, also if it is unreadable."""
_PROGRAMS, _HDF5 = frozenset({".py", ".ipynb"}), b"\x89HDF"
_MANIFESTS = frozenset({".yaml", ".yml", ".json"})

T = TypeVar("T")


def import_network(path: Path) -> Imported:
    """Return the network of a file. The file is in the working folder, so that messages contain only its name.

    Args:
        path: The file, whose ending tells the format.

    Raises:
        EpochalError: If the file is broken, unknown, or not for Studio.
    """
    from epochal.importers import import_file  # noqa: PLC0415 - Studio itself and an export need no importers
    from epochal.importers.draft import MAX_WARNINGS  # noqa: PLC0415

    suffix = path.suffix.lower()
    if suffix in _PROGRAMS:
        message = f"{path}: the model of a program is known only after the program has run, and Studio runs none"
        remedy = f"Run it on your computer: epochal import {path} --run model -o NAME.yaml. Then import NAME.yaml here."
        raise EpochalError(message, remedy)
    with path.open("rb") as file:
        if file.read(len(_HDF5)) == _HDF5:
            message = f"{path}: Studio does not read HDF5 files"
            raise EpochalError(message, f"Save the model as a .keras file in Keras. {_IMPORT}")
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
    """Return the first lines, and one more: the last warning of the library counts the others."""
    return [line[:_MAX_LINE] for line in found[: most + 1]]


def _own_manifest(path: Path) -> Imported | None:
    """Return a manifest of Epochal as it is; None for another file."""
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
        message = f"the network gives a text of more than {MAX_YAML:,} characters, the maximum that Studio edits"
        raise EpochalError(message, _IMPORT)
    return text


def export_network(path: Path, target: str, *, simple: bool) -> Exported:
    """Return the TrainingJob of a file as code of another tool.

    Raises:
        EpochalError: If the text is no valid TrainingJob, or a part of it has no counterpart.
    """
    from epochal.exporters import export  # noqa: PLC0415 - an import needs no exporters

    try:
        document = read_object(path.read_text())
        if document.get("kind") == _EXPERIMENT:
            message = "an Experiment trains a network for each trial, so it is not exported as a whole"
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
    """Return the result of the library. Its errors have this remedy in place of one for users of the command."""
    try:
        return function()
    except EpochalError as error:
        if "--simple" in error.remedy:
            remedy = _NOT_SIMPLE
        elif not _OPTION.search(error.remedy):
            remedy = error.remedy.replace(", onnx", "")  # Only the command exports to ONNX.
        raise EpochalError(error.message, remedy) from None


def main(arguments: Sequence[str]) -> int:
    """Convert a file, and return the exit code.

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
