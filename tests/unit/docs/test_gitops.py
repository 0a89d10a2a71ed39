"""What docs/gitops.md has Argo CD and Flux say of a TrainingJob, in every state that Epochal gives it."""

import pytest
from epochal_api.trainingjob.status import STATES, Status
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status.status import refused, status

from tests.unit.docs.gitops import EXPRESSIONS, SCRIPTS, argo_cd
from tests.unit.docs.training_health import (
    BEFORE,
    DONE,
    TO_MEND,
    UNDER_WAY,
    WAITS_AS_TOLD,
    WRONG,
    Health,
    training_health,
)
from tests.unit.operator.objects import (
    COMPLETE,
    FAILED,
    NO_SUCH_LABELS,
    NOW,
    SUSPENDED,
    at,
    child,
    document,
    failed,
    having_reported,
    pod,
    running,
    seen,
    succeeded,
    training_job,
    unmatched,
    unscheduled,
    waits,
)

SCRIPT, EXPRESSED = SCRIPTS["TrainingJob"], EXPRESSIONS["TrainingJob"]


def not_ready(of: Status, reason: str) -> Status:
    """Returns a status whose condition Ready is False for a reason."""
    changed = {"status": "False", "reason": reason}
    conditions = [one.model_copy(update=changed) if one.type == "Ready" else one for one in of.conditions or []]
    return of.model_copy(update={"conditions": conditions})


JOB = training_job()
UNREACHABLE = having_reported(stage="Loading", waiting={"reason": "EndpointUnreachable", "since": at(-5)})
SEEN: dict[str, tuple[Status, Health]] = {
    "nothing yet": (Status(), BEFORE),
    "before its Job": (status(JOB, seen()), BEFORE),
    "in a queue": (status(JOB, seen(child())), UNDER_WAY),
    "starting": (status(JOB, seen(child(), pod())), UNDER_WAY),
    "running": (status(JOB, seen(child(), running())), UNDER_WAY),
    "waiting for its storage": (
        not_ready(status(UNREACHABLE, seen(child(), running())), "StorageUnavailable"),
        TO_MEND,
    ),
    "storing": (status(having_reported(stage="Storing"), seen(child(), running())), UNDER_WAY),
    "restarting": (status(JOB, seen(child(), failed())), UNDER_WAY),
    "an image that cannot be pulled": (
        not_ready(status(JOB, seen(child(), waits("ErrImagePull"))), "ImagePullBackOff"),
        TO_MEND,
    ),
    "an image of no name": (status(JOB, seen(child(), waits("InvalidImageName"))), WRONG),
    "a node that no cluster has": (status(JOB, seen(child(), unscheduled(NO_SUCH_LABELS))), TO_MEND),
    "the same for longer than an autoscaler takes": (
        status(unmatched(-900), seen(child(), unscheduled(NO_SUCH_LABELS, -900))),
        WRONG,
    ),
    "a quota": (not_ready(status(JOB, seen(child(), refusal="exceeded quota")), "PodRefused"), TO_MEND),
    "a Job that is refused": (status(JOB, seen(blocked=StatusCause(Reason.JOB_REJECTED, "no"))), WRONG),
    "suspended": (status(SUSPENDED, seen(child(SUSPENDED))), WAITS_AS_TOLD),
    "suspended without a Job": (status(SUSPENDED, seen()), WAITS_AS_TOLD),
    "complete": (status(JOB, seen(COMPLETE, succeeded())), DONE),
    "failed": (status(JOB, seen(FAILED, failed())), WRONG),
    "a spec that is refused": (refused(JOB.metadata, Status(), "spec.network: no", NOW), WRONG),
}


@pytest.mark.parametrize(("of", "expected"), SEEN.values(), ids=SEEN)
def test_every_state_has_its_health(of: Status, expected: Health) -> None:
    assert training_health(document(of.dump())) == expected


def test_every_state_is_looked_at() -> None:
    assert {of.state for of, _ in SEEN.values()} - {None} == set(STATES)


def test_what_epochal_has_not_looked_at_is_not_ready() -> None:
    assert training_health(document()) == BEFORE


@pytest.mark.parametrize("before", ["running", "failed", "complete"])
def test_what_was_seen_of_another_generation_does_not_count(before: str) -> None:
    of, _ = SEEN[before]
    assert training_health(document(of.dump(), generation=2)) == BEFORE


def test_argo_cd_shows_why() -> None:
    of, _ = SEEN["a spec that is refused"]
    assert argo_cd(document(of.dump()), SCRIPT)["message"] == "spec.network: no"
    assert argo_cd(document(), SCRIPT)["message"] == "Epochal has not looked at it yet"


def test_the_expressions_are_for_training_jobs() -> None:
    served = document()
    assert (EXPRESSED["apiVersion"], EXPRESSED["kind"]) == (served["apiVersion"], served["kind"])
