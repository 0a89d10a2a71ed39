"""Runs the export process, after a training or for a conversion, and returns its outcome.

The process gets no credentials. If memory is short, the kernel kills it first: a kill of the whole container would end
a training that is almost complete.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from epochal_api.trainingjob.report import Export
from epochal_api.trainingjob.status import MAX_EXPORT_MESSAGE
from pydantic import ValidationError

from epochal_trainer.data.memory import available
from epochal_trainer.export.request import FAILED, OUTCOME, Request
from epochal_trainer.lib.signals import Stopping
from epochal_trainer.lib.text import duration, readable

log = logging.getLogger(__name__)

LONGEST_SECONDS = 600.0
"""Time limit of the export. ResNet50 took a twelfth of it on two cores shared with ten other processes."""
STOPPING_SECONDS = 40.0
"""Time that the export still gets after the trainer was asked to stop: a third of epochal_api.pod.GRACE_SECONDS."""
SPARE_MEMORY = 48 * 2**20
"""Minimum bytes of free memory during the export. With less, the kernel might kill the whole container."""
LEAST_MEMORY = 320 * 2**20 + SPARE_MEMORY
"""Minimum bytes of free memory at the start.

This is the need of TensorFlow 2.21, tf2onnx 1.17, ONNX Runtime 1.32, and a small network.
"""
_TICK = 0.02
_KEPT = ("HOME", "KERAS_HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "TZ")
"""Environment variables of the trainer that the process gets."""
_OWN = {
    "CUDA_VISIBLE_DEVICES": "-1",  # a GPU may have no memory left, and models are served on a CPU
    "KERAS_BACKEND": "tensorflow",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
_REQUEST = "request.json"
_LOG = "log"
_LINES = 20
"""Lines of the process' log that are copied to the trainer's log if it ends without an outcome."""
_SHOWN = 200
"""Maximum characters of its last log line in the message."""


def run(
    request: Request,
    stopping: Stopping,
    *,
    left: Callable[[], int] = available,
    program: Sequence[str] = ("-m", "epochal_trainer.export"),
) -> Export:
    """Export models in a separate process, and return the outcome.

    Args:
        request: The models and formats. Its folder belongs to this process.
        stopping: Holds the request to stop the trainer.
        left: Returns the bytes of free memory.
        program: Arguments of Python, followed by the request and this process' id.

    Returns:
        The outcome of the export.
    """
    if (free := left()) < LEAST_MEMORY:
        return failed(
            f"{readable(free)} of memory are left for the export, which takes {readable(LEAST_MEMORY)} at least: raise "
            "spec.resources.limits.memory"
        )
    file = request.folder / _REQUEST
    file.write_text(request.model_dump_json(), encoding="utf-8")
    with (request.folder / _LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *program, str(file), str(os.getpid())],
            cwd=request.folder,
            env=environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the trainer, which ends this process
        )
        try:
            why = _awaited(process, stopping, left)
        finally:
            process.kill()
            process.wait()
    return failed(why) if why else _outcome(process.returncode, request.folder)


def failed(message: str) -> Export:
    """Return the outcome of a failed export.

    Args:
        message: Why it failed.
    """
    return Export(reason=FAILED, message=message[:MAX_EXPORT_MESSAGE])


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of the export process.

    Args:
        environ: The trainer's environment.
    """
    return {name: environ[name] for name in _KEPT if name in environ} | _OWN


def _awaited(process: "subprocess.Popen[bytes]", stopping: Stopping, left: Callable[[], int]) -> str:
    """Wait until the process ends; return why it must be killed before that, or ""."""
    end = time.monotonic() + LONGEST_SECONDS
    while process.poll() is None:
        if time.monotonic() > end:
            return f"it took longer than {duration(LONGEST_SECONDS)}"
        if stopping.seconds > STOPPING_SECONDS:
            return f"the trainer was told to stop, and it took {duration(STOPPING_SECONDS)} more"
        if (free := left()) < SPARE_MEMORY:
            return f"only {readable(free)} of memory were left: raise spec.resources.limits.memory"
        time.sleep(_TICK)
    return ""


def _outcome(code: int, folder: Path) -> Export:
    try:
        return Export.model_validate_json((folder / OUTCOME).read_bytes())
    except (OSError, ValidationError):
        lines = (folder / _LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    for line in lines[-_LINES:]:
        log.info("  export: %s", line)
    said = f": {lines[-1][:_SHOWN]}" if lines else ""
    if code < 0:
        return failed(
            f"its process was killed by signal {-code}; was it short of memory (spec.resources.limits.memory)?"
        )
    return failed(f"its process ended with exit code {code}{said}")
