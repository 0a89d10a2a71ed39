"""The exit codes of the command."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `epochal`. A shell script can rely on them."""

    DONE = 0
    FAILED = 1
    """The job failed, the file has problems, or the error has no other code."""
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    """The API server, the storage or a server refused the request."""
    NO_CONNECTION = 5
    INTERRUPTED = 130
