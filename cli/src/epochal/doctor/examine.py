"""Runs the checks. Each check runs after the checks that it needs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from epochal_api.trainingjob.spec import TrainingJob

from epochal.client.cluster import Cluster
from epochal.client.failures import FORBIDDEN, UNAUTHORIZED, ApiError
from epochal.doctor import installed, namespace, nodes, queue, quota, storage
from epochal.doctor.finding import Check, Finding, Level, Subject
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

CHECKS: Sequence[Check] = (
    Check("API server", installed.check_api_server),
    Check("kinds", installed.check_kinds, ["API server"]),
    Check("operator", installed.check_operator, ["kinds"]),
    Check("rights", namespace.check_rights, ["kinds"]),
    Check("secret", storage.check_secret, ["API server"]),
    Check("address in pods", storage.check_address, ["API server"]),
    Check("data bucket", storage.check_data_bucket, ["secret"]),
    Check("results bucket", storage.check_results_bucket, ["secret"]),
    Check("nodes", nodes.check_nodes, ["API server"]),
    Check("quota", quota.check_quota, ["API server"]),
    Check("queue", queue.check_queue, ["API server"]),
)
"""All checks, each after the checks that it needs."""


class Result(NamedTuple):
    """A finding, with the name of its check.

    Args:
        check: Name of the check.
        finding: The finding.
    """

    check: str
    finding: Finding


def examine(cluster: Cluster, job: TrainingJob | None = None, checks: Sequence[Check] = CHECKS) -> Iterator[Result]:
    """Yield the findings of all checks as they arrive.

    A check is skipped if a check that it needs has found a problem, or was skipped because of a problem.

    Args:
        cluster: The cluster, with the namespace of the training.
        job: The TrainingJob to check; None to check only the cluster and the namespace.
        checks: The checks.
    """
    subject, failed = Subject(cluster, job), dict[str, str]()
    for check in checks:
        if cause := next((failed[name] for name in check.needs if name in failed), None):
            failed[check.name] = cause
            message = f"not checked, because of the problem that this check found: {cause}"
            yield Result(check.name, Finding(Level.SKIPPED, message))
            continue
        for finding in _run(check, subject):
            if finding.level == Level.PROBLEM:
                failed[check.name] = check.name
            yield Result(check.name, finding)
        if check.name == "kinds":
            subject = replace(subject, installation=installed.find_installation(cluster))


def _run(check: Check, subject: Subject) -> Sequence[Finding]:
    """Return the findings of a check. A failed request becomes a finding, so that the other checks still run."""
    try:
        return check.run(subject)
    except ApiError as error:
        if error.status in (FORBIDDEN, UNAUTHORIZED) and check.name != "API server":
            return [Finding(Level.WARNING, f"cannot be checked: {error.message}", error.remedy)]
        return [_problem(error)]
    except EpochalError as error:
        return [_problem(error)]


def _problem(error: EpochalError) -> Finding:
    code = ExitCode.NO_CONNECTION if error.exit_code == ExitCode.NO_CONNECTION else ExitCode.FAILED
    return Finding(Level.PROBLEM, error.message, error.remedy, code)
