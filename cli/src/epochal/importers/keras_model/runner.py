"""Runs a Python program in this process, and saves the Keras model that is in one of its variables.

The command line has a JSON file with the parts of the program, the name of the variable, and the output folder. This
module imports nothing of Epochal, so that the program runs as with `python FILE`.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

_MAX_MODELS = 20


def main() -> None:
    """Run the program, and write model.keras into the output folder, or error.json if the program or the save fails."""
    parts_file, variable, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    request = json.loads(parts_file.read_text(encoding="utf-8"))
    os.dup2(2, 1)  # The standard output of the command is only for the manifest.
    sys.argv = [request["file"]]
    sys.path[0] = str(Path(request["file"]).resolve().parent)
    program = ModuleType("__main__")
    sys.modules["__main__"] = program
    vars(program)["__file__"] = request["file"]
    try:
        for part in request["parts"]:
            exec(compile(part["code"], part["name"], "exec"), vars(program))  # noqa: S102 - --run asks for it
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as end:
        if end.code not in (None, 0):
            _fail(folder, f"the program ended with {end.code!r}")
    except BaseException as error:  # noqa: BLE001 - any error of the program
        _fail(folder, _describe(error, {part["name"] for part in request["parts"]}))
    _save(vars(program), variable, folder)


def _save(values: dict[str, Any], variable: str, folder: Path) -> None:
    keras: Any = sys.modules.get("keras")
    if keras is None:
        _fail(folder, "the program does not import keras")
    model: Any = values.get(variable)
    if not isinstance(model, keras.Model):
        names = [name for name, value in values.items() if isinstance(value, keras.Model)]
        has = f"its models are {', '.join(names[:_MAX_MODELS])}" if names else "it has no model"
        found = f"is a {type(model).__name__}" if variable in values else "is not set"
        _fail(folder, f"the variable {variable} {found}: {has}")
    try:
        model.save(folder / "model.keras")
    except Exception as error:  # noqa: BLE001 - a model with custom code may fail in many ways
        _fail(folder, f"Keras cannot save the model {variable}: {type(error).__name__}: {error}")


def _describe(error: BaseException, names: set[str]) -> str:
    """Return the message of an exception, with the innermost line of the program in its traceback."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in names]
    if isinstance(error, SyntaxError):
        where = f"{error.filename}, line {error.lineno}: "
    else:
        where = f"{lines[-1].filename}, line {lines[-1].lineno}: " if lines else ""
    return f"{where}{type(error).__name__}: {error}"


def _fail(folder: Path, message: str) -> None:
    (folder / "error.json").write_text(json.dumps(message[:2000]), encoding="utf-8")
    sys.exit(1)


if __name__ == "__main__":
    main()
