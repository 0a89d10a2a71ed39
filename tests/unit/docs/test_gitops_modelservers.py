"""The health of a ModelServer by docs/gitops.md, in every state."""

from typing import Any, NamedTuple

import pytest
from epochal_api.modelserver.status import SERVER_STATES, ModelServerStatus
from epochal_operator.modelserver.phase import blocked_phase, derive_phase
from epochal_operator.modelserver.reasons import Reason, StatusCause
from epochal_operator.modelserver.status import derive_status

from tests.unit.docs.gitops import EXPRESSIONS, SCRIPTS, Object, argo_cd, flux, replaced
from tests.unit.operator.modelserver.servers import (
    MODEL,
    container,
    document,
    failed_container,
    live_deployment,
    observe,
    pod,
    rolled_out,
    server,
    termination_message,
)

SCRIPT, EXPRESSED = SCRIPTS["ModelServer"], EXPRESSIONS["ModelServer"]
WAITING_ARGO_CD = replaced(SCRIPT, "{Stopped =", '{Waiting = "Healthy", Stopped =')
WAITING_FLUX = EXPRESSED | {"current": f"status.state == 'Waiting' || {EXPRESSED['current']}"}


class Health(NamedTuple):
    argo_cd: str
    flux: str


UNDER_WAY = Health("Progressing", "InProgress")
SERVES = Health("Healthy", "Current")
AS_TOLD = Health("Suspended", "Current")
TO_MEND = Health("Degraded", "InProgress")
WRONG = Health("Degraded", "Failed")

WAITS = StatusCause(Reason.WAITS_FOR_TRAINING_JOB, "The TrainingJob mnist is Running.")
FAILED = StatusCause(Reason.TRAINING_JOB_FAILED, "The TrainingJob mnist has failed.")
DAMAGED = pod(containerStatuses=[failed_container(termination_message("ModelDamaged"))])
UNPULLED = pod(containerStatuses=[container(waiting={"reason": "ImagePullBackOff", "message": "no such image"})])
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
PAUSED, STOPPED = server(paused=True), server(replicas=0)
MIXED: Object = {"replicas": 2, "readyReplicas": 1, "updatedReplicas": 1}


def status_of(observed: Any, of: Any = None, model: Any = MODEL, waits: Any = None) -> ModelServerStatus:
    of = of or server()
    return derive_status(
        of.metadata, ModelServerStatus(), derive_phase(of, model, waits, observed), observed, "http://digits"
    )


INVALID = StatusCause(Reason.INVALID_SPEC, "spec.replicas: no")
SEEN: dict[str, tuple[ModelServerStatus, Health]] = {
    "nothing yet": (ModelServerStatus(), UNDER_WAY),
    "waiting for its training": (status_of(observe(None), model=None, waits=WAITS), UNDER_WAY),
    "starting": (status_of(observe(live_deployment())), UNDER_WAY),
    "serving": (status_of(observe(live_deployment(**rolled_out()))), SERVES),
    "serving another model until its training is complete": (
        status_of(observe(live_deployment(**rolled_out())), waits=WAITS),
        UNDER_WAY,
    ),
    "rolling out": (status_of(observe(live_deployment(**MIXED))), UNDER_WAY),
    "a model that cannot be served": (status_of(observe(live_deployment(**MIXED), DAMAGED)), WRONG),
    "a first model that cannot be served": (
        status_of(observe(live_deployment(replicas=1, updatedReplicas=1), DAMAGED)),
        WRONG,
    ),
    "a rollout that takes too long": (status_of(observe(live_deployment(**MIXED, conditions=[LATE]))), WRONG),
    "an image that cannot be pulled": (status_of(observe(live_deployment(**MIXED), UNPULLED)), TO_MEND),
    "no image that can be pulled": (
        status_of(observe(live_deployment(replicas=1, updatedReplicas=1), UNPULLED)),
        TO_MEND,
    ),
    "a training that has failed": (status_of(observe(None), model=None, waits=FAILED), WRONG),
    "a rollout that is held back": (
        status_of(observe(live_deployment(PAUSED, replicas=1, readyReplicas=1, updatedReplicas=0), of=PAUSED), PAUSED),
        AS_TOLD,
    ),
    "a first rollout that is held back": (status_of(observe(live_deployment(PAUSED), of=PAUSED), PAUSED), AS_TOLD),
    "no pods": (status_of(observe(live_deployment(STOPPED, **rolled_out(0)), of=STOPPED), STOPPED), AS_TOLD),
    "a spec that is refused": (
        derive_status(
            server().metadata,
            ModelServerStatus(),
            blocked_phase(INVALID, observe(live_deployment(**rolled_out())), MODEL, 1),
            observe(None),
            "http://digits",
        ),
        WRONG,
    ),
}


def health(served: Object) -> Health:
    return Health(argo_cd(served, SCRIPT)["status"], flux(served, EXPRESSED))


@pytest.mark.parametrize(("of", "expected"), SEEN.values(), ids=SEEN)
def test_every_state_has_its_health(of: ModelServerStatus, expected: Health) -> None:
    assert health(document(of.dump())) == expected


def test_every_state_is_tested() -> None:
    assert {of.state for of, _ in SEEN.values()} - {None} == set(SERVER_STATES)


def test_a_server_without_status_is_progressing() -> None:
    assert health(document()) == UNDER_WAY


@pytest.mark.parametrize("before", ["serving", "no pods", "a model that cannot be served"])
def test_a_status_of_another_generation_does_not_count(before: str) -> None:
    of, _ = SEEN[before]
    assert health(document(of.dump(), generation=2)) == UNDER_WAY


def test_a_waiting_server_counts_as_healthy_with_the_change_of_the_page() -> None:
    for name, (of, expected) in SEEN.items():
        served = document(of.dump())
        found = Health(argo_cd(served, WAITING_ARGO_CD)["status"], flux(served, WAITING_FLUX))
        assert found == (SERVES if of.state == "Waiting" else expected), name


def test_argo_cd_shows_the_reason() -> None:
    of, _ = SEEN["a training that has failed"]
    assert argo_cd(document(of.dump()), SCRIPT)["message"] == FAILED.message
    assert argo_cd(document(), SCRIPT)["message"] == "Epochal has not looked at it yet"


def test_the_expressions_are_for_modelservers() -> None:
    served = document()
    assert (EXPRESSED["apiVersion"], EXPRESSED["kind"]) == (served["apiVersion"], served["kind"])
