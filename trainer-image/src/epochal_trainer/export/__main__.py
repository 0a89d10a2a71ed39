"""The process that exports: reads a Request, and leaves what became of it."""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from epochal_api.report import Export
from epochal_api.status import MAX_EXPORT

from epochal_trainer.export.request import NOT_LOADED, OUTCOME, Request

_FIRST_TO_GO = "1000"
_PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent ends."""


def main(path: Path, parent: int) -> None:
    """Exports.

    Args:
        path: The Request, JSON.
        parent: The process that waits for what becomes of it: it ends with that one.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before
        return
    with suppress(OSError):  # where memory runs short, it is this process that the kernel ends
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    request = Request.model_validate_json(path.read_bytes())
    from epochal_trainer.export.work import NotLoaded, export  # noqa: PLC0415 - it imports TensorFlow

    try:
        outcome = export(request)
    except NotLoaded as error:
        outcome = Export(reason=NOT_LOADED, message=str(error)[:MAX_EXPORT])
    unfinished = request.folder / f".{OUTCOME}"
    unfinished.write_text(outcome.model_dump_json(exclude_none=True), encoding="utf-8")
    unfinished.replace(request.folder / OUTCOME)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
