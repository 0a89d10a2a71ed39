"""Fatal errors of a server: a reason for machines, a message for people, an exit code for Kubernetes."""

import json
import logging
import os
from pathlib import Path
from typing import Literal

from epochal_api.pod import TERMINATION_FILE, ExitCode
from epochal_api.text import printable

UNREACHABLE = os.EX_UNAVAILABLE
CRASHED = 1
MOST_BYTES = 4096
"""Maximum size that the kubelet reads of the termination message:
https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/."""

Reason = Literal[
    "StorageUnreachable",
    "StorageRefused",
    "ModelNotFound",
    "ModelDamaged",
    "ModelRefused",
    "NotConvertible",
    "CheckDiffers",
    "InvalidConfig",
    "Crashed",
]

log = logging.getLogger(__name__)

_CODES: dict[str, int] = {
    "StorageUnreachable": UNREACHABLE,
    "StorageRefused": ExitCode.REFUSED,
    "InvalidConfig": ExitCode.BAD_SPEC,
    "Crashed": CRASHED,
}


class Ended(Exception):
    """A fatal error: the server cannot serve until its cause is fixed.

    Args:
        reason: The cause, in one CamelCase word. It becomes a reason of the ModelServer's conditions.
        message: What failed, what was found, what is expected, and what to do.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason: Reason = reason
        self.message = printable(message)
        self.exit_code: int = _CODES.get(reason, ExitCode.BAD_DATA)
        super().__init__(self.message)


def leave(reason: str, message: str, path: Path = Path(TERMINATION_FILE)) -> None:
    """Write the termination message, which the kubelet copies into the pod's status.

    Outside of a pod, the file is missing and nothing is written.

    Args:
        reason: The cause of the end, in one CamelCase word.
        message: The cause, for people.
        path: The file. The kubelet creates it, so this function never does.
    """
    words = json.dumps({"reason": reason, "message": message})
    while (over := len(words) - MOST_BYTES) > 0:  # a character takes up to 12 bytes in JSON, so repeat until it fits
        message = f"{message[: -over // 12 - 1]}…"
        words = json.dumps({"reason": reason, "message": message})
    try:
        if path.exists():
            path.write_text(words, encoding="ascii")
    except OSError as error:
        log.warning("the last words could not be left: %s", error)
