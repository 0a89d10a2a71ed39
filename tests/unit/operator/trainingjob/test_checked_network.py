"""TrainingJobs whose network is checked before their Job is created."""

from typing import Any

import pytest
from epochal_api.trainingjob.status import Status
from epochal_operator.checker.verdict import UNANSWERED_SECONDS, NetworkQuestion, NoChecker, NoVerdict, Verdict
from epochal_operator.runtime.api.resource import JOBS, Key
from epochal_operator.runtime.kind import store_for
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.api_server import FIRST, ApiServer, reconciler
from tests.unit.operator.checker.checkers import TOO_SMALL, WRONG, FixedChecker
from tests.unit.operator.fakes import reconcile_context
from tests.unit.operator.objects import KIND, at


class World:
    """A TrainingJob, its operator and the checker."""

    def __init__(self, answer: Verdict | NoVerdict = WRONG) -> None:
        self.server, self.store, self.checker = ApiServer(), store_for([KIND]), FixedChecker(answer)
        self.server.put("first")

    async def reconcile(self, **changes: Any) -> float | None:
        """Reconcile with a new operator, after changes of the TrainingJob."""
        document = self.server.documents["first"]
        for field, value in changes.items():
            document[field] = {**document.get(field, {}), **value}
        self.store.put(TRAINING_JOBS, self.server._written(document))
        return await reconciler(self.server, self.store, self.checker).reconcile(FIRST)

    @property
    def status(self) -> Status:
        return Status.model_validate(self.server.documents["first"]["status"])

    def failed(self) -> Any:
        conditions = self.server.documents["first"]["status"]["conditions"]
        return next(one for one in conditions if one["type"] == "Failed")


async def test_a_wrong_network_fails_without_a_job() -> None:
    world = World()
    assert await world.reconcile() is None
    assert (world.server.jobs, world.status.state, world.status.start_time) == ({}, "Failed", None)
    assert (world.failed()["reason"], world.failed()["message"]) == ("InvalidNetwork", TOO_SMALL)
    assert world.server.ready()["status"] == "False"
    written = world.server.version
    await world.reconcile()
    assert world.server.version == written + 1, "nothing changes, except the version that this test writes"


async def test_a_refusal_is_judged_again_after_an_edit_or_an_upgrade() -> None:
    world = World()
    await world.reconcile()
    world.checker.answer = Verdict()
    await world.reconcile()
    assert list(world.server.jobs) == ["first"]
    assert world.failed()["status"] == "False"


async def test_a_reconcile_does_not_wait_for_the_answer() -> None:
    world, woken = World(NoVerdict.PENDING), list[Key]()
    found = reconciler(world.server, world.store, world.checker)
    found.context = reconcile_context(world.server, world.store, enqueue=woken.append)
    world.store.put(TRAINING_JOBS, world.server.documents["first"])
    assert await found.reconcile(FIRST) is None
    assert (world.server.jobs, world.server.statuses) == ({}, {})
    world.checker.notify()
    assert woken == [FIRST]
    world.checker.answer = Verdict()
    await found.reconcile(FIRST)
    assert list(world.server.jobs) == ["first"]


async def test_without_an_answer_the_job_is_created() -> None:
    world = World(NoVerdict.UNKNOWN)
    await world.reconcile()
    assert list(world.server.jobs) == ["first"]


async def test_without_an_answer_a_refusal_of_the_same_spec_stays() -> None:
    world = World()
    await world.reconcile()
    world.checker.answer = NoVerdict.UNKNOWN
    assert await world.reconcile() == UNANSWERED_SECONDS
    assert (world.server.jobs, world.status.state) == ({}, "Failed")
    await world.reconcile(metadata={"generation": 2})
    assert list(world.server.jobs) == ["first"]


async def test_without_a_checker_a_refused_job_is_created() -> None:
    world = World()
    await world.reconcile()
    assert world.status.state == "Failed"
    world.checker.answer = NoChecker().verdict(NetworkQuestion(b""), lambda: None)
    await world.reconcile()
    assert list(world.server.jobs) == ["first"]


OWNER = {"apiVersion": "epochal.dev/v1alpha1", "kind": "Experiment", "name": "search", "uid": "e", "controller": True}


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": {"image": "registry/own:1"}},
        {"metadata": {"ownerReferences": [OWNER]}},
        {"status": {"startTime": at(-60), "attempt": 1}},
    ],
    ids=["own image", "trial", "has trained"],
)
async def test_no_question_about(changes: dict[str, Any]) -> None:
    world = World()
    await world.reconcile(**changes)
    assert world.checker.questions == []
    assert list(world.server.jobs) == ["first"]


async def test_no_question_about_a_training_job_with_a_job() -> None:
    world = World(Verdict())
    await world.reconcile()
    assert len(world.checker.questions) == 1
    world.store.put(JOBS, world.server.jobs["first"])
    world.checker.answer = WRONG
    await world.reconcile()
    assert len(world.checker.questions) == 1
    assert world.status.state == "Queued"
