"""The failure that ends a training, with a reason, a message and an exit code, and the warning that does not end it."""

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
"""Reason of the failure of an attempt that a later attempt replaces."""
_DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_BAD_OFFSET_ERRNOS = (errno.EINVAL, errno.EOVERFLOW)


class Failure(FatalError):
    """An error that ends the training at once. Most failures need a change by the user, so they are not retried.

    The exit codes BAD_SPEC, BAD_DATA and REFUSED name the source of the error. Any other code is retried, and counts as
    a crash.
    """


def bad_spec(reason: str, message: str) -> Failure:
    """Return the failure for a TrainingJob that cannot be trained because of its spec."""
    return Failure(reason, message, ExitCode.BAD_SPEC)


def bad_data(reason: str, message: str) -> Failure:
    """Return the failure for data that are missing, damaged or do not fit the network."""
    return Failure(reason, message, ExitCode.BAD_DATA)


def refused_failure(reason: str, message: str) -> Failure:
    """Return the failure for credentials that the storage rejects, or that lack permissions."""
    return Failure(reason, message, ExitCode.REFUSED)


def superseded_failure(attempt: str, later: str) -> Failure:
    """Return the failure of an attempt that a later attempt replaced, because its node was considered lost.

    It has the exit code of a termination, so that the Job does not count it as a crash.
    """
    message = f"{later} has begun since and replaces {attempt}, which ends"
    return Failure(SUPERSEDED, message, ExitCode.TERMINATED)


def scratch_full(found: str) -> Failure:
    """Return the failure for a full local disk.

    The attempt is retried: the next pod starts with an empty volume, perhaps on a node with a larger disk, and resumes
    from the last checkpoint. Each retry counts as a crash, and spec.backoffLimit limits the crashes.
    """
    return Failure("ScratchFull", f"{found}: use a node with more ephemeral storage, or less data", DISK_FULL)


def node_full(found: str) -> Failure:
    """Return the failure for a node without free memory, because other processes occupy it at the moment.

    The attempt is retried: the other processes may have ended by then, or the next pod runs on a node with more memory.
    """
    advice = "other processes use the memory of this node: reserve memory with spec.resources.requests.memory"
    return Failure("OutOfMemory", f"{found}; {advice}", NODE_FULL)


def is_machine_error(error: BaseException) -> bool:
    """Return whether memory or disk caused an error of reading a file, and not the file's content.

    Args:
        error: The error. If a file contains impossible offsets, the system refuses the seek: that is an error of the
            content.
    """
    if isinstance(error, OSError):
        return error.errno is not None and error.errno not in _BAD_OFFSET_ERRNOS
    return isinstance(error, MemoryError)


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether a full local disk caused an error, by the error number or text of the error or its causes."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK_FULL_ERRNOS:
            return True
        if any(os.strerror(number) in str(error) for number in _DISK_FULL_ERRNOS):
            return True
        error = error.__cause__ or error.__context__
    return False


def training_warning(reason: str, message: str) -> TrainingWarning:
    """Return a warning, truncated to the length that a report allows.

    Args:
        reason: The cause in one CamelCase word; the reason of an Event.
        message: The state that was found, its place, the expected state, and the action to take.
    """
    text = printable(message)
    return TrainingWarning(
        reason=reason, message=text if len(text) <= MAX_WARNING_MESSAGE else f"{text[: MAX_WARNING_MESSAGE - 1]}…"
    )
