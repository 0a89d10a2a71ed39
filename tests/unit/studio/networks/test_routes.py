"""The modeler by its routes: catalogue, docstrings, checks and examples."""

import asyncio
import json
from typing import Any

import pytest
from epochal_api.catalogue.classes import document as catalogue_document
from epochal_studio.networks import checks as module

from tests.kit.fake.checker import DENSE_TEXT, FakeChecker
from tests.unit.studio.in_memory import StudioInMemory, studio_in_memory
from tests.unit.studio.networks.texts import LAYERS, document, experiment, text
from tests.unit.studio.served import eventually

TALL = {"layer": "Conv2D", "filters": 8, "kernel_size": 9}


async def check(studio: StudioInMemory, what: Any, *, user: str = "alice") -> Any:
    found = await studio.post("/api/check", {"yaml": what if isinstance(what, str) else text(what)}, user=user)
    assert found.status == 200, found.text
    return found.json()


def paths(checked: Any) -> list[str]:
    return [problem["path"] for problem in checked["problems"]]


async def test_a_document_with_its_shapes(studio: StudioInMemory, checker: FakeChecker) -> None:
    found = await check(studio, document())
    assert found["problems"] == []
    assert [(layer["index"], layer["outputs"], layer["parameters"]) for layer in found["layers"]] == [
        (0, [[6, 6, 8]], 80),
        (1, [[288]], 0),
        (2, [[10]], 2890),
    ]
    assert (found["parameters"], found["isBuilt"], found["problem"]) == (2970, True, None)
    assert {path.rpartition("/")[2] for path, _ in studio.server.heard} == {"selfsubjectreviews"}  # whose token it is
    assert len(checker.asked) == 1


async def test_all_problems_at_once(studio: StudioInMemory) -> None:
    found = await check(studio, document(TALL, LAYERS[1], data=None))
    assert paths(found) == ["spec.data", "spec.network.layers[0]"]
    assert found["problems"][1]["layer"] == 0
    assert found["problems"][1]["message"] == "Computed output size would be negative."
    assert found["layers"][0] == {"index": 0, "outputs": [], "parameters": None}


async def test_an_experiment(studio: StudioInMemory, checker: FakeChecker) -> None:
    small = {"layer": "Conv2D", "filters": 8, "name": "conv"}
    found = await check(studio, experiment({**small, "kernel_size": 9}, paths=("network.layers[conv].kernel_size",)))
    assert found["problems"] == []  # other trials may have a smaller kernel
    found = await check(studio, experiment(TALL, {**small, "kernel_size": 1}, paths=("network.layers[conv].filters",)))
    assert paths(found) == ["spec.template.spec.network.layers[0]"]
    assert found["isBuilt"]
    assert len(checker.asked) == 2


async def test_a_text_that_is_no_document(studio: StudioInMemory, checker: FakeChecker) -> None:
    found = await check(studio, "kind: TrainingJob\nspec: [\n")
    (problem,) = found["problems"]
    assert (problem["line"], found["isBuilt"]) == (3, False)
    assert found["problem"]["reason"] == "Invalid"
    assert checker.asked == []


@pytest.mark.parametrize("yaml", ["", "\x00", "[" * 100_000, "- " * 60_000, '"\\ud800"', "a: &a [*a]"], ids=len)
async def test_hostile_texts(studio: StudioInMemory, yaml: str) -> None:
    assert (await check(studio, yaml))["problems"]


async def test_a_text_that_is_too_long(studio: StudioInMemory) -> None:
    assert (await studio.post("/api/check", {"yaml": "a" * (128 * 1024 + 1)})).status == 422


async def test_no_session_reaches_no_checker(studio: StudioInMemory, checker: FakeChecker) -> None:
    for user in ("", "nobody"):
        assert (await studio.post("/api/check", {"yaml": text(document())}, user=user)).status == 401
        assert (await studio.get("/api/catalogue/keras.layers/Dense", user=user)).status == 401
    assert checker.heard == []


async def test_no_credential_reaches_the_checker(studio: StudioInMemory, checker: FakeChecker) -> None:
    await check(studio, document())
    await studio.get("/api/catalogue/keras.layers/Dense")
    assert len(checker.heard) == 2
    assert "alice" not in json.dumps(checker.heard)


@pytest.mark.parametrize(
    "answer", [b"", b"null", b"{", {"layers": 1}, {"layers": [{"index": "x"}]}, b"[" * 100_000], ids=repr
)
async def test_an_unreadable_answer_of_the_checker(
    studio: StudioInMemory, checker: FakeChecker, answer: object
) -> None:
    checker.answer = answer
    found = await check(studio, document(data=None))
    assert paths(found) == ["spec.data"]
    assert (found["isBuilt"], found["problem"]["reason"]) == (False, "Unreachable")


async def test_an_installation_without_a_checker() -> None:
    async with studio_in_memory() as studio:
        found = await check(studio, document(data=None))
        assert paths(found) == ["spec.data"]
        assert (found["isBuilt"], found["layers"], found["problem"]["reason"]) == (False, [], "NoChecker")
        assert "checker.enabled" in found["problem"]["remedy"]
        described = (await studio.get("/api/catalogue/keras.layers/Dense")).json()
        assert (described["text"], described["problem"]["reason"]) == ("", "NoChecker")


async def test_another_image_is_not_checked(studio: StudioInMemory, checker: FakeChecker) -> None:
    found = await check(studio, document({"layer": "Mine"}, image="registry.example.com/mine"))
    assert found["problem"]["reason"] == "OtherImage"
    assert [problem["isWarning"] for problem in found["problems"]] == [True]
    assert checker.asked == []


async def test_a_user_has_one_question_at_a_time(studio: StudioInMemory, checker: FakeChecker) -> None:
    checker.gate.clear()
    body = [{"yaml": text(document({"layer": "Dense", "units": number}))} for number in range(1, 5)]
    first, second = (asyncio.create_task(studio.post("/api/check", each)) for each in body[:2])
    await eventually(lambda: len(checker.asked) == 1)
    third = asyncio.create_task(studio.post("/api/check", body[2]))
    (done,), _ = await asyncio.wait([first, second, third], return_when=asyncio.FIRST_COMPLETED)
    refused = done.result()
    assert (refused.status, refused.json()["reason"]) == (503, "Overloaded")
    assert "Retry-After" in refused.headers
    checker.gate.set()
    assert sorted([found.status for found in await asyncio.gather(first, second, third)]) == [200, 200, 503]
    assert len(checker.asked) == 2


async def test_checks_of_two_tabs_are_both_answered(studio: StudioInMemory, checker: FakeChecker) -> None:
    checker.gate.clear()
    body = [
        {"yaml": text(document({"layer": "Dense", "units": number})), "page": f"{number % 2}"} for number in (1, 2, 3)
    ]
    first = asyncio.create_task(studio.post("/api/check", body[0]))
    await eventually(lambda: len(checker.asked) == 1)
    others = [asyncio.create_task(studio.post("/api/check", each)) for each in body[1:]]
    await asyncio.wait(others, timeout=0.1)
    checker.gate.set()
    assert [found.status for found in await asyncio.gather(first, *others)] == [200, 200, 200]


async def test_a_page_that_leaves_does_not_free_its_turn(studio: StudioInMemory, checker: FakeChecker) -> None:
    """The checker builds the network to the end."""
    checker.gate.clear()
    for _ in range(4):
        task = asyncio.create_task(studio.post("/api/check", {"yaml": text(document())}))
        await eventually(lambda: len(checker.asked) == 1)
        await asyncio.sleep(0.05)
        task.cancel()
    await asyncio.sleep(0.1)
    assert len(checker.asked) == 1
    checker.gate.set()
    await check(studio, document())
    assert len(checker.asked) == 2


async def test_questions_of_many_users_are_bounded(
    studio: StudioInMemory, checker: FakeChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.3)
    checker.gate.clear()
    users = [f"user{number}" for number in range(module.MAX_ASKING + 2)]
    studio.server.users |= {name: type(studio.alice)({"vision"}, name=name) for name in users}
    tasks = [asyncio.create_task(check(studio, document(), user=user)) for user in users]
    await eventually(lambda: sum(task.done() for task in tasks) == 2)
    assert {task.result()["problem"]["reason"] for task in tasks if task.done()} == {"Overloaded"}
    assert len(checker.asked) == module.MAX_ASKING
    checker.gate.set()
    assert sum(each["isBuilt"] for each in await asyncio.gather(*tasks)) == module.MAX_ASKING


async def test_the_catalogue(studio: StudioInMemory) -> None:
    found = await studio.get("/api/catalogue")
    assert found.json() == catalogue_document()
    assert found.headers["Vary"] == "Accept-Encoding"


async def test_the_docstring_of_a_class(studio: StudioInMemory, checker: FakeChecker) -> None:
    for _ in range(3):
        assert (await studio.get("/api/catalogue/keras.layers/Dense")).json() == {"text": DENSE_TEXT, "problem": None}
    assert (await studio.get("/api/catalogue/keras.layers/Flatten")).json() == {"text": "", "problem": None}
    assert checker.catalogues == 1


@pytest.mark.parametrize("path", ["keras.layers/Nothing", "os/system", "keras.layers/" + "D" * 1000, "..%2f/Dense"])
async def test_no_such_class(studio: StudioInMemory, checker: FakeChecker, path: str) -> None:
    found = await studio.get(f"/api/catalogue/{path}")
    assert found.status in {400, 404}
    assert len(found.text) < 500
    assert checker.heard == []


@pytest.mark.parametrize("answer", [b"{", b"[]", b"[" * 100_000, {"modules": {"keras.layers": {"docs": []}}}], ids=repr)
async def test_an_unreadable_catalogue_of_the_checker(
    studio: StudioInMemory, checker: FakeChecker, answer: object
) -> None:
    checker.answer = answer
    found = await studio.get("/api/catalogue/keras.layers/Dense")
    assert (found.status, found.json()["text"]) == (200, "")


async def test_the_examples(studio: StudioInMemory) -> None:
    found = (await studio.get("/api/templates")).json()["templates"]
    mnist = next(each for each in found if each["name"] == "mnist")
    assert mnist["title"].startswith("A network that reads handwritten digits")
    assert "kind: TrainingJob" in mnist["yaml"]
