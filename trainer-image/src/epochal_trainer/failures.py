"""How a training ends when it can't go on: a reason for machines, a message for people, an exit code for Kubernetes."""

from epochal_api.pod import ExitCode


class Failure(Exception):
    """Something the user has to mend: the training ends at once and is not tried again.

    Args:
        reason: Why, in one CamelCase word; it becomes the reason of the TrainingJob's Failed condition.
        message: What was found, where (field, layer, object), what must hold, and what to do.
        exit_code: BAD_SPEC, BAD_DATA or REFUSED: who is to blame.
    """

    def __init__(self, reason: str, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
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
