"""The entry point of the command `epochal`. Only this module turns exceptions into messages and exit codes."""

import gc
import io
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

from epochal_api.text import printable

from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

DEBUG = "EPOCHAL_DEBUG"
"""Environment variable: if it is set, an unexpected error prints its Python traceback in place of a short message."""
_MAX_MESSAGE = 1000


def main() -> None:
    """Run the command with the arguments of this process, and exit with its exit code."""
    # Imports and answers of the API server create hundreds of thousands of objects, and almost no garbage.
    gc.set_threshold(100_000)
    code = run(sys.argv[1:], Environment(), program_name(sys.argv[0]))
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # `epochal list | head` has closed the pipe: Python would report it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def unexpected(error: Exception) -> str:
    """Return the message for an exception that is no EpochalError: file and cause, or a request to report the error."""
    if isinstance(error, OSError) and error.filename is not None:
        return printable(f"{error.filename}: {error.strerror}")
    found = printable(f"{type(error).__name__}: {error}"[:_MAX_MESSAGE])
    return f"unexpected error: {found}\nPlease report it, with the traceback that {DEBUG}=1 prints."


def complete_for_kubectl() -> None:
    """Print the shell completions of `kubectl epochal`, in the protocol of kubectl's plugins.

    kubectl starts `kubectl_complete-epochal` with the words that the user has typed; the last word may be empty. Each
    output line has a value, a tab and a description. The last line, `:4`, tells the shell to propose no file names: 4
    is Cobra's ShellCompDirectiveNoFileComp.
    """
    words = sys.argv[1:] or [""]
    line = shlex.join(["epochal", *words[:-1]])
    # The format of the fish shell is the same, except for the last line.
    os.environ |= {
        "_EPOCHAL_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": f"{line} {shlex.quote(words[-1]) if words[-1] else ''}",
    }
    environment, found = Environment(), io.StringIO()
    run([], replace(environment, stdout=found))
    for completion in filter(None, found.getvalue().splitlines()):
        environment.write(completion)
    environment.write(":4")


def program_name(path: str) -> str:
    """Return the command's name in help: `kubectl epochal` if kubectl started it as a plugin, else `epochal`."""
    return "kubectl epochal" if Path(path).stem == "kubectl-epochal" else "epochal"


def run(arguments: Sequence[str], environment: Environment, program: str = "epochal") -> int:
    """Run a command line, print the message of an exception to standard error, and return the exit code.

    Args:
        arguments: The words after the name of the command.
        environment: Streams, terminal, folders and variables.
        program: Name of the command in help and usage.
    """
    with redirect_stdout(environment.stdout), redirect_stderr(environment.stderr):
        try:
            from epochal.app import app  # noqa: PLC0415 - within `try`, so that Ctrl-C leaves no traceback

            app(list(arguments), prog_name=program, obj=environment)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else ExitCode.DONE
        except EpochalError as error:
            environment.warn(printable(f"epochal: {error}"))
            return error.exit_code
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED
        except Exception as error:
            if environment.variables.get(DEBUG):
                raise
            environment.warn(f"epochal: {unexpected(error)}")
            return ExitCode.FAILED
    return ExitCode.DONE


if __name__ == "__main__":
    main()
