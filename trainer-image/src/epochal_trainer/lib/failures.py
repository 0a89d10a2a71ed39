"""Failures, which end a training with a reason, a message and an exit code, and warnings, which do not end it."""

import errno
import os

from epochal_api.pod import ExitCode
from epochal_api.text import printable
from epochal_api.trainingjob.report import TrainingWarning
from epochal_api.trainingjob.status import MAX_WARNING_MESSAGE
from epochal_lib.fatal_error import FatalError

DISK_FULL = os.EX_IOERR
NODE_FULL = os.EX_TEMPFAIL
SUPERSEDED = "Superseded"
"""Reason of the failure of an attempt after a later attempt of the same TrainingJob has begun and replaced it."""
_DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_BAD_OFFSET_ERRNOS = (errno.EINVAL, errno.EOVERFLOW)


class Failure(FatalError):
    """An error that ends the training at once.

    Most failures need a change by the user. They have the exit code BAD_SPEC, BAD_DATA or REFUSED and are not retried.
    A failure with another exit code is retried. It counts as a crash unless its exit code is TERMINATED.
    """


def bad_spec(reason: str, message: str) -> Failure:
    """Return the failure for an error in the spec of a TrainingJob. It is not retried."""
    return Failure(reason, message, ExitCode.BAD_SPEC)


def bad_data(reason: str, message: str) -> Failure:
    """Return the failure for data that are missing, damaged or do not fit the network. It is not retried."""
    return Failure(reason, message, ExitCode.BAD_DATA)


def refused_failure(reason: str, message: str) -> Failure:
    """Return the failure for credentials that the storage rejects, or that lack permissions. It is not retried."""
    return Failure(reason, message, ExitCode.REFUSED)


def superseded_failure(attempt: str, later: str) -> Failure:
    """Return the failure of an attempt that a later attempt has replaced, because the earlier node seemed to be lost.

    Its exit code is TERMINATED, so that the Job does not count it as a crash.

    Args:
        attempt: The attempt that ends, as text.
        later: The attempt that replaces it, as text.
    """
    message = f"{later} has begun since and replaces {attempt}, which ends"
    return Failure(SUPERSEDED, message, ExitCode.TERMINATED)


def scratch_full(found: str) -> Failure:
    """Return the failure for a full local disk of the pod.

    The attempt is retried: the next pod starts with an empty volume, perhaps on a node with a larger disk, and resumes
    from the last checkpoint. Each retry counts as a crash, and spec.backoffLimit limits the crashes.
    """
    return Failure("ScratchFull", f"{found}: use a node with more ephemeral storage, or less data", DISK_FULL)


def node_full(found: str) -> Failure:
    """Return the failure for a node whose free memory is too small only because other processes use memory now.

    The attempt is retried: the other processes may have ended by then, or the next pod runs on a node with more memory.
    """
    advice = "other processes use the memory of this node: reserve memory with spec.resources.requests.memory"
    return Failure("OutOfMemory", f"{found}; {advice}", NODE_FULL)


def is_machine_error(error: BaseException) -> bool:
    """Return whether an error in reading a file is due to the machine (memory, disk), and not to the file's content.

    Args:
        error: The error. A file with impossible offsets makes a seek fail, with EINVAL or EOVERFLOW: its content is the
            cause.
    """
    if isinstance(error, OSError):
        return error.errno is not None and error.errno not in _BAD_OFFSET_ERRNOS
    return isinstance(error, MemoryError)


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether the error or one of its causes has the error number or the text of a full disk or quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK_FULL_ERRNOS:
            return True
        if any(os.strerror(number) in str(error) for number in _DISK_FULL_ERRNOS):
            return True
        error = error.__cause__ or error.__context__
    return False


def training_warning(reason: str, message: str) -> TrainingWarning:
    """Return a warning for a report. Its message is truncated to MAX_WARNING_MESSAGE characters.

    Args:
        reason: The cause in one CamelCase word; the reason of an Event.
        message: The state that was found, its place, the expected state, and the action to take.
    """
    text = printable(message)
    return TrainingWarning(
        reason=reason, message=text if len(text) <= MAX_WARNING_MESSAGE else f"{text[: MAX_WARNING_MESSAGE - 1]}…"
    )
