"""The health of a TrainingJob by docs/gitops.md, in every state."""

import pytest
from epochal_api.trainingjob.status import STATES, Status
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status.status import derive_status, status_of_refused_spec

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
    changed = {"status": "False", "reason": reason}
    conditions = [
        condition.model_copy(update=changed) if condition.type == "Ready" else condition
        for condition in of.conditions or []
    ]
    return of.model_copy(update={"conditions": conditions})


JOB = training_job()
UNREACHABLE = having_reported(stage="Loading", waiting={"reason": "EndpointUnreachable", "since": at(-5)})
SEEN: dict[str, tuple[Status, Health]] = {
    "nothing yet": (Status(), BEFORE),
    "before its Job": (derive_status(JOB, seen()), BEFORE),
    "in a queue": (derive_status(JOB, seen(child())), UNDER_WAY),
    "starting": (derive_status(JOB, seen(child(), pod())), UNDER_WAY),
    "importing Keras": (derive_status(JOB, seen(child(), running())), UNDER_WAY),
    "running": (derive_status(having_reported(), seen(child(), running())), UNDER_WAY),
    "waiting for its storage": (
        not_ready(derive_status(UNREACHABLE, seen(child(), running())), "StorageUnavailable"),
        TO_MEND,
    ),
    "storing": (derive_status(having_reported(stage="Storing"), seen(child(), running())), UNDER_WAY),
    "restarting": (derive_status(JOB, seen(child(), failed())), UNDER_WAY),
    "an image that cannot be pulled": (
        not_ready(derive_status(JOB, seen(child(), waits("ErrImagePull"))), "ImagePullBackOff"),
        TO_MEND,
    ),
    "an image of no name": (derive_status(JOB, seen(child(), waits("InvalidImageName"))), WRONG),
    "a node that no cluster has": (derive_status(JOB, seen(child(), unscheduled(NO_SUCH_LABELS))), TO_MEND),
    "the same for longer than an autoscaler takes": (
        derive_status(unmatched(-900), seen(child(), unscheduled(NO_SUCH_LABELS, -900))),
        WRONG,
    ),
    "a quota": (not_ready(derive_status(JOB, seen(child(), pod_rejection="exceeded quota")), "PodRefused"), TO_MEND),
    "a Job that is refused": (derive_status(JOB, seen(blocked=StatusCause(Reason.JOB_REJECTED, "no"))), WRONG),
    "suspended": (derive_status(SUSPENDED, seen(child(SUSPENDED))), WAITS_AS_TOLD),
    "suspended without a Job": (derive_status(SUSPENDED, seen()), WAITS_AS_TOLD),
    "complete": (derive_status(JOB, seen(COMPLETE, succeeded())), DONE),
    "failed": (derive_status(JOB, seen(FAILED, failed())), WRONG),
    "a spec that is refused": (status_of_refused_spec(JOB.metadata, Status(), "spec.network: no", NOW), WRONG),
}


@pytest.mark.parametrize(("of", "expected"), SEEN.values(), ids=SEEN)
def test_every_state_has_its_health(of: Status, expected: Health) -> None:
    assert training_health(document(of.dump())) == expected


def test_every_state_is_tested() -> None:
    assert {of.state for of, _ in SEEN.values()} - {None} == set(STATES)


def test_a_job_without_status_is_not_ready() -> None:
    assert training_health(document()) == BEFORE


@pytest.mark.parametrize("before", ["running", "failed", "complete"])
def test_a_status_of_another_generation_does_not_count(before: str) -> None:
    of, _ = SEEN[before]
    assert training_health(document(of.dump(), generation=2)) == BEFORE


def test_argo_cd_shows_the_reason() -> None:
    of, _ = SEEN["a spec that is refused"]
    assert argo_cd(document(of.dump()), SCRIPT)["message"] == "spec.network: no"
    assert argo_cd(document(), SCRIPT)["message"] == "Epochal has not looked at it yet"


def test_the_expressions_are_for_training_jobs() -> None:
    served = document()
    assert (EXPRESSED["apiVersion"], EXPRESSED["kind"]) == (served["apiVersion"], served["kind"])
