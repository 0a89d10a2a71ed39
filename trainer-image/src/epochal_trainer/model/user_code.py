"""Runs the user's Python file (spec.code), which builds the network, and may register layers, losses and metrics."""

import linecache
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
from epochal_api.trainingjob.network_source import MAX_CODE_BYTES, NetworkCode
from epochal_api.trainingjob.training import Training

from epochal_trainer import backend
from epochal_trainer.lib.failures import Failure, bad_spec, is_disk_full
from epochal_trainer.model.compile import optimizer_slots
from epochal_trainer.model.footprint import Footprint, FreeMemory
from epochal_trainer.model.keras_objects import did_you_mean, explain
from epochal_trainer.model.layer_calls import dtype_policy
from epochal_trainer.model.plain_model import plain_model

log = logging.getLogger(__name__)

_FIELD = "spec.code.object"
_MODULE = "epochal_user_code"
"""Name of the module that the user's file becomes. Classes of the file have this name in their `__module__`."""
_MACHINE_ERRORS: tuple[type[Exception], ...] = (MemoryError, *backend.current().MACHINE_ERRORS)
"""Errors of the machine, such as exhausted memory. An OSError is not among them: the user's code may cause it."""
_MAX_TRACEBACK = 10_000
"""Maximum characters of a traceback in the log. Of a longer traceback, the log has the end."""


def check_size(size: int, name: str) -> None:
    """Check that the user's Python file is not too large.

    Raises:
        Failure: InvalidNetwork, if the file has more than MAX_CODE_BYTES.
    """
    if size > MAX_CODE_BYTES:
        raise bad_spec("InvalidNetwork", f"{_FIELD}: {name} must have at most 1 MiB, found {size:,} bytes")


def build(
    source: NetworkCode,
    path: Path,
    spec: Mapping[str, Any],
    *,
    seed: int,
    memory: FreeMemory,
    training: Training,
    keeps_best: bool,
) -> keras.Model:
    """Run the user's Python file, and return the model that its function builds, as `plain_model` converts it.

    Args:
        source: spec.code, with the name of the function (entrypoint).
        path: A local copy of the file.
        spec: The spec of the TrainingJob as JSON values, the argument of the function.
        seed: Seed of the weights, and of all later random numbers.
        memory: The free memory before the call. A model whose training needs more is refused.
        training: spec.training, with the precision, and the optimizer and callbacks that need memory.
        keeps_best: Whether the weights of the best epoch are kept in memory for best.keras.

    Raises:
        Failure: InvalidNetwork, with the file and the line. OutOfMemory, if memory is short only because of other
            processes.
    """
    name = source.object
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    module = execute(path, name)
    function = getattr(module, source.entrypoint, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        hint = did_you_mean(source.entrypoint, known)
        raise bad_spec("InvalidNetwork", f"spec.code.entrypoint: {name} has no function {source.entrypoint!r}{hint}")
    with _errors(name), dtype_policy(training.precision):
        model = function(dict(spec))

    def invalid(message: str) -> Failure:
        return bad_spec("InvalidNetwork", f"spec.code.entrypoint: {source.entrypoint} of {name}: {message}")

    model = plain_model(model, invalid)
    footprint = Footprint.estimate(model, training, slots=optimizer_slots(training), keeps_best=keeps_best)
    memory.require(footprint, f"{_FIELD}: the model of {name} has {model.count_params():,} parameters")
    return model


def execute(path: Path, name: str) -> ModuleType:
    """Run the user's Python file as a module, and return the module.

    Args:
        path: The file.
        name: Name of the file in messages and tracebacks.

    Raises:
        Failure: InvalidNetwork, with the line of the error.
    """
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise bad_spec("InvalidNetwork", f"{_FIELD}: {name}, line {line}: must be UTF-8") from error
    # So that tracebacks show the lines of the file.
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = ModuleType(_MODULE)
    module.__file__ = name
    sys.modules[_MODULE] = module
    with _errors(name):
        exec(compile(text, name, "exec"), module.__dict__)  # noqa: S102 - the file of the user, see SECURITY.md
    return module


@contextmanager
def _errors(name: str) -> Iterator[None]:
    """Convert errors of the user's code within the context to failures with the file's name and line.

    Errors of the machine, such as a full disk, pass unchanged, so that the attempt is retried.
    """
    try:
        yield
    except _MACHINE_ERRORS:
        raise
    except (Exception, SystemExit) as error:
        if is_disk_full(error):
            raise
        lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == name]
        if isinstance(error, SyntaxError) and error.filename == name:
            lines, text = [error.lineno or 0], str(error.msg)
        else:
            text = f"{type(error).__name__}: {explain(error) if isinstance(error, Exception) else error}"
        log.info("Traceback of %s:\n%s", name, "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:])
        where = f"{name}, line {lines[-1]}" if lines else name
        raise bad_spec("InvalidNetwork", f"{_FIELD}: {where}: {text:.600}") from error
