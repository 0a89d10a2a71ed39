"""The result of a check."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from epochal_api.trainingjob.spec import TrainingJob

from epochal.client.cluster import Cluster
from epochal.doctor.operator import Installation
from epochal.exit_codes import ExitCode


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    """A training may work, or the user may not read the objects that decide it."""
    PROBLEM = "problem"
    SKIPPED = "skipped"
    """A check that an earlier problem makes impossible."""


class Finding(NamedTuple):
    """The result of a check.

    Args:
        level: The severity.
        message: The value found, and the requirement.
        remedy: What to do; "" for a check without a problem.
        exit_code: The exit code of the command if it ends with this problem.
    """

    level: Level
    message: str
    remedy: str = ""
    exit_code: ExitCode = ExitCode.FAILED


def ok(message: str) -> Finding:
    """Return the finding of a check without a problem."""
    return Finding(Level.OK, message)


def warning(message: str, remedy: str) -> Finding:
    """Return the finding of a possible problem."""
    return Finding(Level.WARNING, message, remedy)


def problem(message: str, remedy: str) -> Finding:
    """Return the finding of a problem."""
    return Finding(Level.PROBLEM, message, remedy)


def skipped(message: str, remedy: str) -> Finding:
    """Return the finding of a check that lacks a value, such as a file."""
    return Finding(Level.SKIPPED, message, remedy)


@dataclass(frozen=True)
class Subject:
    """The cluster that is checked, and the TrainingJob that shall run on it.

    Args:
        cluster: The cluster, with the rights of the user.
        job: The TrainingJob; None to check only the cluster and the namespace.
        installation: The installation of Epochal as far as the user may read it; None if it is unknown.
    """

    cluster: Cluster
    job: TrainingJob | None = None
    installation: Installation | None = None


class Check(NamedTuple):
    """A named check with its dependences.

    Args:
        name: Its name in the output.
        run: Returns the findings.
        needs: Names of the checks that must succeed first.
    """

    name: str
    run: Callable[[Subject], Sequence[Finding]]
    needs: Sequence[str] = ()
