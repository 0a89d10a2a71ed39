"""The trainer's last words, which the kubelet puts into the pod's status."""

import logging
from pathlib import Path

from epochal_api.pod import TERMINATION_FILE
from epochal_api.progress import Termination

log = logging.getLogger(__name__)


def leave(last_words: Termination, path: Path = Path(TERMINATION_FILE)) -> None:
    """Leaves the last words where the kubelet looks for them. Outside of a pod there is no such file, and no need.

    Args:
        last_words: Why the trainer ends.
        path: The file.
    """
    if not path.exists():
        return
    try:
        path.write_text(last_words.encode(), encoding="utf-8")
    except OSError as error:
        log.warning("The termination message could not be written: %s", error)
