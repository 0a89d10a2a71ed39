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

from epochal_trainer.data.memory import available_memory
from epochal_trainer.export.request import FAILED, OUTCOME, Request
from epochal_trainer.lib.signals import Stopping
from epochal_trainer.lib.text import duration, readable

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 600.0
"""Time limit of the export. ResNet50 took a twelfth of it on two cores shared with ten other processes."""
STOPPING_SECONDS = 40.0
"""Time that the export still gets after the trainer was asked to stop: a third of epochal_api.pod.GRACE_SECONDS."""
MIN_FREE_MEMORY = 48 * 2**20
"""Minimum bytes of free memory during the export. With less, the kernel might kill the whole container."""
MIN_MEMORY = 320 * 2**20 + MIN_FREE_MEMORY
"""Minimum bytes of free memory at the start.

This is the need of TensorFlow 2.21, tf2onnx 1.17, ONNX Runtime 1.32, and a small network.
"""
_TICK = 0.02
_INHERITED = ("HOME", "KERAS_HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "TZ")
"""Environment variables of the trainer that the process gets."""
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # a GPU may have no memory left, and models are served on a CPU
    "KERAS_BACKEND": "tensorflow",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
_REQUEST = "request.json"
_LOG = "log"
_LINES = 20
"""Lines of the process' log that are copied to the trainer's log if it ends without an outcome."""
_MAX_MESSAGE = 200
"""Maximum characters of its last log line in the message."""


def run(
    request: Request,
    stopping: Stopping,
    *,
    free_memory: Callable[[], int] = available_memory,
    program: Sequence[str] = ("-m", "epochal_trainer.export"),
) -> Export:
    """Export models in a separate process, and return the outcome.

    Args:
        request: The models and formats. Its folder belongs to this process.
        stopping: Holds the request to stop the trainer.
        free_memory: Returns the bytes of free memory.
        program: Arguments of Python, followed by the request and this process' id.
    """
    if (free := free_memory()) < MIN_MEMORY:
        return failed(
            f"not enough memory for the export: {readable(free)} are free, and it needs {readable(MIN_MEMORY)}: raise "
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
            cause = _wait(process, stopping, free_memory)
        finally:
            process.kill()
            process.wait()
    return failed(cause) if cause else _outcome(process.returncode, request.folder)


def failed(message: str) -> Export:
    """Return the outcome of a failed export."""
    return Export(reason=FAILED, message=message[:MAX_EXPORT_MESSAGE])


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of the export process."""
    return {name: environ[name] for name in _INHERITED if name in environ} | _ENVIRONMENT


def _wait(process: "subprocess.Popen[bytes]", stopping: Stopping, free_memory: Callable[[], int]) -> str:
    """Wait until the process ends; return why it must be killed before that, or ""."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while process.poll() is None:
        if time.monotonic() > end:
            return f"it took longer than {duration(TIMEOUT_SECONDS)}"
        if stopping.seconds > STOPPING_SECONDS:
            return f"it took longer than {duration(STOPPING_SECONDS)} after SIGTERM"
        if (free := free_memory()) < MIN_FREE_MEMORY:
            return f"only {readable(free)} of memory were free: raise spec.resources.limits.memory"
        time.sleep(_TICK)
    return ""


def _outcome(code: int, folder: Path) -> Export:
    try:
        return Export.model_validate_json((folder / OUTCOME).read_bytes())
    except (OSError, ValidationError):
        lines = (folder / _LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    for line in lines[-_LINES:]:
        log.info("  export: %s", line)
    if code < 0:
        cause = "if memory was short, raise spec.resources.limits.memory"
        return failed(f"its process was killed by signal {-code}; {cause}")
    last_line = f": {lines[-1][:_MAX_MESSAGE]}" if lines else ""
    return failed(f"its process ended with exit code {code}{last_line}")
