"""Checks of the user's rights in the namespace."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from epochal.client.kinds import EXPERIMENTS, MODEL_SERVERS, PODS, SECRETS, SERVICES, TRAINING_JOBS, Kind
from epochal.doctor.finding import Finding, Subject, ok, problem, warning


class Right(NamedTuple):
    """A Kubernetes right (RBAC) that commands of `epochal` need.

    Args:
        verb: The verb, such as get.
        kind: Kind of the objects.
        purpose: The commands that need the right.
        is_required: Whether no training is possible without the right.
        subresource: Subresource, such as log; "" for the object itself.
    """

    verb: str
    kind: Kind
    purpose: str
    is_required: bool = False
    subresource: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.kind.plural}{f'/{self.subresource}' if self.subresource else ''}"


RIGHTS: Sequence[Right] = (
    *(Right(verb, TRAINING_JOBS, "submit, list and watch", is_required=True) for verb in ("create", "get", "list")),
    Right("watch", TRAINING_JOBS, "watch"),
    Right("patch", TRAINING_JOBS, "suspend, resume and finish"),
    Right("delete", TRAINING_JOBS, "delete"),
    Right("create", EXPERIMENTS, "submit of an Experiment"),
    Right("create", MODEL_SERVERS, "serve"),
    Right("get", PODS, "logs", subresource="log"),
    Right("get", SECRETS, "results and logs, without AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    Right("create", SERVICES, "predict", subresource="proxy"),
)
"""The rights that `epochal doctor` checks."""


def check_rights(subject: Subject) -> Sequence[Finding]:
    """Return findings about rights that the user lacks, according to access reviews of the API server."""
    cluster = subject.cluster
    missing = [right for right in RIGHTS if not cluster.can(right.verb, right.kind, subresource=right.subresource)]
    return list(describe_rights(missing, cluster.namespace))


def describe_rights(missing: Sequence[Right], namespace: str) -> Iterator[Finding]:
    """Yield a problem for the missing required rights, a warning for each other missing right, or OK."""
    remedy = (
        f"Ask an administrator: kubectl create rolebinding epochal-USER --clusterrole edit --user USER "
        f"--namespace {namespace}"
    )
    required = [str(right) for right in missing if right.is_required]
    if required:
        yield problem(f"you may not {', '.join(required)} in {namespace}, so no training works", remedy)
    for right in missing:
        if not right.is_required:
            yield warning(f"you may not {right} in {namespace}, which `epochal` needs for: {right.purpose}", remedy)
    if not missing:
        yield ok(f"you have all rights that the commands need in {namespace}")
