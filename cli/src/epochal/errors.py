"""The base class of errors that users can correct, each with a remedy."""

from epochal.exit_codes import ExitCode


class EpochalError(Exception):
    """An error that a user can correct.

    Args:
        message: The failed action, the value found, and the value required.
        remedy: How to correct the error, such as a command; "" if the message is enough.
        exit_code: The exit code of the command that ends with this error.
    """

    def __init__(self, message: str, remedy: str = "", *, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython and Jupyter show for the error: message and remedy, without a traceback."""
        return [f"{type(self).__name__}: {self.message}", *([self.remedy] if self.remedy else [])]
