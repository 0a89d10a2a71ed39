"""How a training ends when it can't go on: a reason for machines, a message for people, an exit code for Kubernetes."""

import errno
import os

from epochal_api.pod import ExitCode
from epochal_api.text import printable

DISK_FULL = os.EX_IOERR
NODE_FULL = os.EX_TEMPFAIL
SUPERSEDED = "Superseded"
"""Reason of the failure of an attempt that another one has taken the place of."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_SUCH_PLACE = (errno.EINVAL, errno.EOVERFLOW)


class Failure(Exception):
    """Something that has to be mended: the training ends at once, and mostly is not tried again.

    Args:
        reason: Why, in one CamelCase word; it becomes the reason of the TrainingJob's Failed condition.
        message: What was found, where (field, layer, object), what must hold, and what to do. Control characters in it,
            which only data or a server can have brought there, are spelled out.
        exit_code: BAD_SPEC, BAD_DATA or REFUSED: who is to blame. Any other is tried again, and counts as a crash.
    """

    def __init__(self, reason: str, message: str, exit_code: int) -> None:
        self.reason = reason
        self.message = printable(message)
        super().__init__(self.message)
        self.exit_code = exit_code


def bad_spec(reason: str, message: str) -> Failure:
    """Returns the failure of a TrainingJob that cannot be trained as written."""
    return Failure(reason, message, ExitCode.BAD_SPEC)


def bad_data(reason: str, message: str) -> Failure:
    """Returns the failure of data that is missing, damaged or does not fit the network."""
    return Failure(reason, message, ExitCode.BAD_DATA)


def refused(reason: str, message: str) -> Failure:
    """Returns the failure of credentials that the storage does not accept, or that allow too little."""
    return Failure(reason, message, ExitCode.REFUSED)


def superseded(attempt: str, later: str) -> Failure:
    """Returns the failure of an attempt that another one has taken the place of: its node was given up meanwhile.

    Args:
        attempt: The attempt.
        later: The one that has begun since.
    """
    message = f"this is {attempt}, and {later} has begun since: that one goes on"
    return Failure(SUPERSEDED, message, ExitCode.TERMINATED)


def scratch_full(found: str) -> Failure:
    """Returns the failure of a local disk without room.

    It is tried again: the next pod begins with an empty volume, perhaps on a node with more of it, and goes on from the
    last checkpoint. Where it is in vain, the tries are counted.

    Args:
        found: What was found.
    """
    advice = "use a node with more ephemeral storage, or less data"
    return Failure("ScratchFull", f"{found}: {advice}", DISK_FULL)


def node_full(found: str) -> Failure:
    """Returns the failure of a node whose memory others take at the moment.

    It is tried again: they may be gone by then, or the next pod comes to a node with more of it.

    Args:
        found: What was found.
    """
    advice = "others take the memory of this node at the moment: reserve it with spec.resources.requests.memory"
    return Failure("OutOfMemory", f"{found}; {advice}", NODE_FULL)


def of_the_machine(error: BaseException) -> bool:
    """Returns whether reading a file failed by memory or disk, and not by what is in the file.

    Args:
        error: What was raised. Where a file names places in it that cannot be, the system refuses to go there.
    """
    if isinstance(error, OSError):
        return error.errno is not None and error.errno not in _NO_SUCH_PLACE
    return isinstance(error, MemoryError)


def lacks_room(error: BaseException | None) -> bool:
    """Returns whether an error comes from a local disk without room, whoever says so, and in which words."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            return True
        if any(os.strerror(number) in str(error) for number in _NO_ROOM):
            return True
        error = error.__cause__ or error.__context__
    return False
