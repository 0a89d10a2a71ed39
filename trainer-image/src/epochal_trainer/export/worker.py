"""The export process: it exports the models of a Request and writes the outcome.

It ends when its parent ends. If memory is short, the kernel kills it before the trainer.
"""

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
"""File for standard output and standard error of the export process, in the folder of its request."""
_INHERITED = ("HOME", "KERAS_HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "TZ")
"""Environment variables that the export process gets from the trainer. None is a credential."""
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # a GPU may have no memory left, and models are served on a CPU
    "KERAS_BACKEND": "tensorflow",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
_OOM_SCORE_FIRST = "1000"
_PR_SET_PDEATHSIG = 1
"""Option of prctl(2) that sets the signal which the kernel sends to a process when its parent ends."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the export process: no credentials, no GPU, and some variables of `environ`."""
    return {name: environ[name] for name in _INHERITED if name in environ} | _ENVIRONMENT


def end_with_parent(parent: int) -> bool:
    """Let the kernel kill this process when its parent ends, and before its parent if memory is short.

    Return False if the parent has already ended.

    Args:
        parent: The process id of the parent, which waits for the outcome.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):  # if memory is short, the kernel should kill this process first
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_FIRST, encoding="ascii")
    return os.getppid() == parent


def export_request(path: Path) -> None:
    """Export the models of a request, and write the outcome to the file OUTCOME in the request's folder.

    Args:
        path: File with the Request as JSON.
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
