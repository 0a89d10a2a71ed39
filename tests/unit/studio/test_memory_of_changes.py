"""A change that Studio has no memory for is refused before it is made, so nobody repeats a change that was made."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from epochal_studio import problems
from epochal_studio.memory import MAX_BYTES, MAX_USER_BYTES

from tests.unit.studio.in_memory import Answer, StudioInMemory, studio
from tests.unit.studio.networks.texts import document, text

__all__ = ["studio"]

FREE = (0, 2**16, 2**20, 3 * 2**20, 8 * 2**20, 14 * 2**20, 16 * 2**20, 30 * 2**20, 60 * 2**20)
"""Bytes of memory that are free for the user, from too few for any call to enough for each."""


def large(name: str) -> dict[str, Any]:
    found = document(suspend=True)
    return {**found, "metadata": {"name": name, "annotations": {"note": "x" * 100_000}}}


async def save(studio: StudioInMemory, name: str) -> Answer:
    return await studio.post("/api/jobs", {"namespace": "vision", "yaml": text(large(name))})


async def clone(studio: StudioInMemory, name: str) -> Answer:
    return await studio.post("/api/runs/TrainingJob/vision/first/clone", {"name": name})


async def deploy(studio: StudioInMemory, name: str) -> Answer:
    return await studio.post("/api/runs/TrainingJob/vision/first/deployment", {"name": name})


@pytest.mark.parametrize("create", [save, clone, deploy])
async def test_an_object_is_created_if_and_only_if_the_answer_says_so(
    studio: StudioInMemory, create: Callable[[StudioInMemory, str], Awaitable[Answer]]
) -> None:
    studio.put_job("first", state="Complete")
    memory, statuses = studio.state.threads.memory, []
    for number, free in enumerate(FREE):
        name = f"new-{number}"
        before = stored(studio)
        with memory.hold("alice", MAX_USER_BYTES - free):
            answer = await create(studio, name)
        statuses.append(answer.status)
        assert answer.status in {201, 503}, answer.text
        assert (stored(studio) - before == {name}) == (answer.status == 201), (free, answer.text)
    assert (statuses[0], statuses[-1]) == (503, 201)
    assert memory.count == 0


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_run_is_changed_if_and_only_if_the_answer_says_so(studio: StudioInMemory, method: str) -> None:
    memory, statuses = studio.state.threads.memory, []
    for number, free in enumerate(FREE):
        job = studio.put_job(f"run-{number}")
        path, version = f"/api/runs/TrainingJob/vision/run-{number}", job["metadata"]["resourceVersion"]
        with memory.hold("alice", MAX_USER_BYTES - free):
            if method == "DELETE":
                answer = await studio.ask(method, f"{path}?uid={job['metadata']['uid']}")
            else:
                answer = await studio.post(f"{path}/actions", {"action": "suspend", "resourceVersion": version})
        statuses.append(answer.status)
        assert answer.status in {200, 204, 503}, answer.text
        found = next((each for each in jobs(studio) if each["metadata"]["name"] == f"run-{number}"), None)
        is_changed = found is None if method == "DELETE" else bool(found and found["spec"].get("suspend"))
        assert is_changed == (answer.status != 503), (free, answer.text)
    assert (statuses[0], statuses[-1] < 300) == (503, True)


async def test_the_answer_to_a_change_is_sent_though_the_memory_is_full_since(
    studio: StudioInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = studio.state.threads.memory

    def fill_before(*arguments: Any) -> Any:
        for user in ("bob", "eve"):
            memory.add(user, min(MAX_USER_BYTES, MAX_BYTES - memory.count))
        return problems.answer(*arguments)

    monkeypatch.setattr("epochal_studio.saving.routes.answer", fill_before)
    answer = await save(studio, "new")
    assert answer.status == 201, answer.text
    assert len(answer.body) > 100_000


def jobs(studio: StudioInMemory) -> list[dict[str, Any]]:
    return studio.server.objects.list("trainingjobs")


def stored(studio: StudioInMemory) -> set[str]:
    """Return the names of the TrainingJobs and ModelServers."""
    return {each["metadata"]["name"] for each in [*jobs(studio), *studio.server.objects.list("modelservers")]}
