"""The types of `epochal doctor`: a check, its subject and its findings."""

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
    """A possible problem; or the user has no right to read the objects that the check needs."""
    PROBLEM = "problem"
    SKIPPED = "skipped"
    """The check did not run: an earlier check found a problem, or the command got no file of a TrainingJob."""


class Finding(NamedTuple):
    """One result of a check.

    Args:
        level: The severity.
        message: The value found, and the value required.
        remedy: How to solve the problem; "" if there is no problem.
        exit_code: The exit code of the command if this is its first problem.
    """

    level: Level
    message: str
    remedy: str = ""
    exit_code: ExitCode = ExitCode.FAILED


def ok(message: str) -> Finding:
    """Return a finding of the level OK: the check found no problem."""
    return Finding(Level.OK, message)


def warning(message: str, remedy: str) -> Finding:
    """Return a finding of the level WARNING: a possible problem."""
    return Finding(Level.WARNING, message, remedy)


def problem(message: str, remedy: str) -> Finding:
    """Return a finding of the level PROBLEM: it prevents trainings, or this TrainingJob."""
    return Finding(Level.PROBLEM, message, remedy)


def skipped(message: str, remedy: str) -> Finding:
    """Return a finding of the level SKIPPED: the check could not run, such as without the file of a TrainingJob."""
    return Finding(Level.SKIPPED, message, remedy)


@dataclass(frozen=True)
class Subject:
    """The cluster to check, and the TrainingJob that the user wants to run on this cluster.

    Args:
        cluster: The cluster, with the rights of the user.
        job: The TrainingJob; None to check only the cluster and the namespace.
        installation: The installation of Epochal; None if the cluster has none, or the user may not read it.
    """

    cluster: Cluster
    job: TrainingJob | None = None
    installation: Installation | None = None


class Check(NamedTuple):
    """A check of `epochal doctor`, with the checks that must run before it.

    Args:
        name: Its name in the output.
        run: Returns the findings.
        needs: Names of the checks that must have found no problem before this check runs.
    """

    name: str
    run: Callable[[Subject], Sequence[Finding]]
    needs: Sequence[str] = ()
