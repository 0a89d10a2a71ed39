"""How a server ends when it can't serve: a reason for machines, a message for people, an exit code for Kubernetes."""

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
"""What the kubelet reads of them: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/."""

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
    """Something that has to be mended before this server can serve.

    Args:
        reason: Why, in one CamelCase word; it becomes a reason of the ModelServer's conditions.
        message: What was found, where, what must hold, and what to do.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason: Reason = reason
        self.message = printable(message)
        self.exit_code: int = _CODES.get(reason, ExitCode.BAD_DATA)
        super().__init__(self.message)


def leave(reason: str, message: str, path: Path = Path(TERMINATION_FILE)) -> None:
    """Leaves the last words, which the kubelet puts into the pod's status. Outside of a pod nothing takes them.

    Args:
        reason: Why the server ends, in one CamelCase word.
        message: Why, for people.
        path: The file. What makes it is the kubelet, so it is never created here.
    """
    words = json.dumps({"reason": reason, "message": message})
    while (over := len(words) - MOST_BYTES) > 0:  # a character takes up to twelve, so it is cut until it fits
        message = f"{message[: -over // 12 - 1]}…"
        words = json.dumps({"reason": reason, "message": message})
    try:
        if path.exists():
            path.write_text(words, encoding="ascii")
    except OSError as error:
        log.warning("the last words could not be left: %s", error)
