"""The export process: it ends with its parent, is killed first if memory is short, and exports a Request."""

import ctypes
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from epochal_api.trainingjob.report import Export
from epochal_api.trainingjob.status import MAX_EXPORT_MESSAGE

from epochal_trainer.export.request import NOT_LOADED, OUTCOME, Request

LOG = "log"
"""File for the output of the process, in the folder of its request."""
_INHERITED = ("HOME", "KERAS_HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "TZ")
"""Environment variables of the trainer that the process gets."""
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # a GPU may have no memory left, and models are served on a CPU
    "KERAS_BACKEND": "tensorflow",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
_OOM_SCORE_FIRST = "1000"
_PR_SET_PDEATHSIG = 1
"""Option of prctl(2) for the signal that a process gets when its parent ends."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of the export process."""
    return {name: environ[name] for name in _INHERITED if name in environ} | _ENVIRONMENT


def end_with_parent(parent: int) -> bool:
    """Make this process end with its parent, and before it if memory is short; return whether the parent lives.

    Args:
        parent: The id of the process that waits for the outcome.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):  # if memory is short, the kernel should kill this process first
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_FIRST, encoding="ascii")
    return os.getppid() == parent


def export_request(path: Path) -> None:
    """Export the models of a request, and write the outcome.

    Args:
        path: The Request, JSON.
    """
    request = Request.model_validate_json(path.read_bytes())
    from epochal_trainer.export.exporter import NotLoaded, export  # noqa: PLC0415 - it imports TensorFlow

    try:
        outcome = export(request)
    except NotLoaded as error:
        outcome = Export(reason=NOT_LOADED, message=str(error)[:MAX_EXPORT_MESSAGE])
    unfinished = request.folder / f".{OUTCOME}"
    unfinished.write_text(outcome.model_dump_json(exclude_none=True), encoding="utf-8")
    unfinished.replace(request.folder / OUTCOME)
