"""The export process: reads a Request, exports its models, and writes the outcome."""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from epochal_api.trainingjob.report import Export
from epochal_api.trainingjob.status import MAX_EXPORT_MESSAGE

from epochal_trainer.export.request import NOT_LOADED, OUTCOME, Request

_FIRST_TO_GO = "1000"
_PR_SET_PDEATHSIG = 1
"""Option of prctl(2) for the signal that a process gets when its parent ends."""


def main(path: Path, parent: int) -> None:
    """Export the models of a request, and write the outcome.

    Args:
        path: The Request, JSON.
        parent: The id of the process that waits for the outcome. This process ends when the parent ends.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent has already ended
        return
    with suppress(OSError):  # if memory is short, the kernel should kill this process first
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    request = Request.model_validate_json(path.read_bytes())
    from epochal_trainer.export.exporter import NotLoaded, export  # noqa: PLC0415 - it imports TensorFlow

    try:
        outcome = export(request)
    except NotLoaded as error:
        outcome = Export(reason=NOT_LOADED, message=str(error)[:MAX_EXPORT_MESSAGE])
    unfinished = request.folder / f".{OUTCOME}"
    unfinished.write_text(outcome.model_dump_json(exclude_none=True), encoding="utf-8")
    unfinished.replace(request.folder / OUTCOME)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
