"""Runs the export process, after a training or for a conversion, and returns its outcome.

The export process gets no credentials. If memory is short, the kernel kills it before the trainer, because the end of
the container would end a training that is almost complete.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from epochal_api.trainingjob.report import Export
from epochal_api.trainingjob.status import MAX_EXPORT_MESSAGE
from pydantic import ValidationError

from epochal_trainer.data.memory import MIN_FREE_MEMORY, available_memory
from epochal_trainer.export import prefork
from epochal_trainer.export.prefork import PreforkedExporter
from epochal_trainer.export.request import FAILED, OUTCOME, Request
from epochal_trainer.export.worker import LOG, environment
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.lib.text import format_bytes, format_duration

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 600.0
"""Maximum seconds of an export. Then it is ended and counts as failed. ResNet50 took a twelfth of it on two cores
shared with ten other processes."""
TERMINATION_SECONDS = 40.0
"""Seconds that an export may continue after the trainer received SIGTERM: a third of epochal_api.pod.GRACE_SECONDS."""
MIN_MEMORY = 320 * 2**20 + MIN_FREE_MEMORY
"""Minimum bytes of free memory at the start of a new process.

This is the need of TensorFlow 2.21, tf2onnx 1.17, ONNX Runtime 1.32, and a small network.
"""
_TICK = 0.02
_REQUEST = "request.json"
_LINES = 20
"""Maximum number of last lines of the export's log that the trainer logs if the process ends without an outcome."""
_MAX_MESSAGE = 200
"""Maximum characters of the export's last log line in the message of the outcome. A longer line is cut."""


def run(
    request: Request,
    termination_request: TerminationRequest,
    exporter: PreforkedExporter | None = None,
    *,
    free_memory: Callable[[], int] = available_memory,
    program: Sequence[str] = ("-m", "epochal_trainer.export"),
) -> Export:
    """Export models in a separate process, and return the outcome.

    Args:
        request: The models and formats. Only this export uses its folder.
        termination_request: Whether and when a signal asked the trainer to stop.
        exporter: The forked export process. If it is None or has ended, a new process starts.
        free_memory: Returns the bytes of free memory.
        program: Arguments for Python that start a new process. The path of the request and the id of the trainer's
            process are appended.
    """
    if exporter is not None and (code := exporter.poll()) is not None:
        log.info("The forked export process has ended with exit code %d: a new process exports", code)
        exporter = None
    needed = MIN_MEMORY if exporter is None else prefork.MIN_MEMORY
    if (free := free_memory()) < needed:
        return failed(
            f"not enough memory for the export: {format_bytes(free)} are free, and it needs {format_bytes(needed)}: "
            "raise spec.resources.limits.memory"
        )
    file = request.folder / _REQUEST
    file.write_text(request.model_dump_json(), encoding="utf-8")
    (request.folder / LOG).touch()
    process: subprocess.Popen[bytes] | PreforkedExporter
    process = exporter if exporter is not None and exporter.send_request(file) else _start(file, program)
    try:
        cause = _wait(process, termination_request, free_memory)
    finally:
        process.kill()
        code = process.wait()
    if not cause and process is exporter and not (request.folder / prefork.BEGUN).exists():
        log.info("The forked export process ended with exit code %d before it began: a new process exports", code)
        return run(request, termination_request, free_memory=free_memory, program=program)
    return failed(cause) if cause else _outcome(code, request.folder)


def _start(request: Path, program: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a new Python process that exports the request in a file."""
    with (request.parent / LOG).open("wb") as output:
        return subprocess.Popen(
            [sys.executable, *program, str(request), str(os.getpid())],
            cwd=request.parent,
            env=environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the trainer, which ends this process
        )


def failed(message: str) -> Export:
    """Return the outcome of an export that failed, with the reason FAILED and a message of limited length."""
    return Export(reason=FAILED, message=message[:MAX_EXPORT_MESSAGE])


def _wait(
    process: "subprocess.Popen[bytes] | PreforkedExporter",
    termination_request: TerminationRequest,
    free_memory: Callable[[], int],
) -> str:
    """Wait until the export process ends, and return "".

    If the caller must kill it before that, because of its time limit, SIGTERM or short memory, return this cause.
    """
    end = time.monotonic() + TIMEOUT_SECONDS
    while process.poll() is None:
        if time.monotonic() > end:
            return f"the export took longer than {format_duration(TIMEOUT_SECONDS)}"
        if termination_request.seconds > TERMINATION_SECONDS:
            return f"the export took longer than {format_duration(TERMINATION_SECONDS)} after SIGTERM"
        if (free := free_memory()) < MIN_FREE_MEMORY:
            return (
                f"during the export only {format_bytes(free)} of memory were free: raise spec.resources.limits.memory"
            )
        time.sleep(_TICK)
    return ""


def _outcome(code: int, folder: Path) -> Export:
    try:
        return Export.model_validate_json((folder / OUTCOME).read_bytes())
    except (OSError, ValidationError):
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    for line in lines[-_LINES:]:
        log.info("  export: %s", line)
    if code < 0:
        cause = "if memory was short, raise spec.resources.limits.memory"
        return failed(f"the export process was killed by signal {-code}; {cause}")
    last_line = f": {lines[-1][:_MAX_MESSAGE]}" if lines else ""
    return failed(f"the export process ended with exit code {code}{last_line}")
