"""The error that ends a process, and the termination message with the reason of the error."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

from epochal_api.pod import MAX_TERMINATION_BYTES, TERMINATION_FILE
from epochal_api.text import printable

CRASHED = 1

log = logging.getLogger(__name__)


class FatalError(Exception):
    """An error that ends the process.

    Args:
        reason: The cause in one CamelCase word. It becomes a reason of a condition.
        message: The state that was found, its place, the expected state, and the action to take. Control characters,
            which can only come from data or a server, are escaped.
        exit_code: The exit code of the process.
    """

    def __init__(self, reason: str, message: str, exit_code: int) -> None:
        self.reason = reason
        self.message = printable(message)
        self.exit_code = exit_code
        super().__init__(self.message)


def exit_code_of(
    work: Callable[[], int], redact: Callable[[str], str], termination_file: Path = Path(TERMINATION_FILE)
) -> int:
    """Run the work of a process, and return its exit code. If it fails, log the error and write a termination message.

    Args:
        work: Does the work and returns the exit code.
        redact: Removes secrets from a text.
        termination_file: The file of the container's termination message.
    """
    try:
        return work()
    except FatalError as error:
        log.error("%s: %s", error.reason, error.message)  # noqa: TRY400 - the user needs no traceback
        reason, message, code = error.reason, error.message, error.exit_code
    except Exception as error:
        log.exception("unexpected error")
        message = f"{type(error).__name__}: {error}: see the traceback in the container's log"
        reason, code = "Crashed", CRASHED
    write_termination_message(reason, redact(message), termination_file)
    return code


def write_termination_message(reason: str, message: str, path: Path = Path(TERMINATION_FILE)) -> None:
    """Write the termination message, which the kubelet copies into the pod's status.

    The kubelet creates the file. Outside of a pod, the file is missing and nothing is written.
    """
    text = json.dumps({"reason": reason, "message": message})
    while (excess := len(text) - MAX_TERMINATION_BYTES) > 0:
        message = f"{message[: -excess // 12 - 1]}…"  # a character takes up to 12 bytes in JSON
        text = json.dumps({"reason": reason, "message": message})
    try:
        if path.exists():
            path.write_text(text, encoding="ascii")
    except OSError as error:
        log.warning("cannot write the termination message: %s", error)
