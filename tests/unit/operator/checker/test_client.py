"""The client of the checker, against a server."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from epochal_api.checker import CHECK_PATH, MAX_ANSWER_BYTES, MAX_QUESTION_BYTES, Question
from epochal_operator.checker import client as module
from epochal_operator.checker.client import CheckerClient, CheckerMetrics
from epochal_operator.checker.verdict import (
    UNANSWERED_SECONDS,
    NetworkError,
    NetworkQuestion,
    NoVerdict,
    Verdict,
    question_of,
)
from prometheus_client import CollectorRegistry

from tests.unit.operator.objects import INSTALLATION, SPEC

IMAGE = INSTALLATION.trainer_image
LAYERS = [
    {"index": 0, "layer": "Conv2D", "name": "conv", "error": "spec.network.layers[0] (Conv2D, 'conv'): too large"},
    {"index": 1, "layer": "Dense", "name": "dense", "outputs": [[10]], "parameters": 10},
]


class World:
    """A checker, its client and a clock.

    Attributes:
        answer: The JSON answer of the checker.
        status: Its HTTP status.
        delay: Seconds until it answers.
        asked: The questions that it got.
        now: Seconds of the clock.
        woken: Number of notifications.
    """

    def __init__(self) -> None:
        self.answer: Any = {"image": IMAGE, "layers": []}
        self.status, self.delay, self.now, self.woken = 200, 0.0, 0.0, 0
        self.asked: list[Any] = []
        self.registry = CollectorRegistry()
        self.client: CheckerClient

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        await asyncio.sleep(self.delay)
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        return web.Response(status=self.status, body=body)

    def wake(self) -> None:
        self.woken += 1

    async def verdict(self, units: int = 10) -> Verdict | NoVerdict:
        """Ask as reconciles do, until there is an answer, or it is known that there is none."""
        found = self.client.verdict(ask(units), self.wake)
        if found is NoVerdict.PENDING:
            woken = self.woken
            async with asyncio.timeout(10):
                while self.woken == woken:  # noqa: ASYNC110 - another task
                    await asyncio.sleep(0.005)
            found = self.client.verdict(ask(units), self.wake)
        return found

    def count(self, result: str) -> float:
        return self.registry.get_sample_value("epochal_checker_questions_total", {"result": result}) or 0


def ask(units: int) -> NetworkQuestion:
    network = {"input": {"shape": [4]}, "layers": [{"layer": "Dense", "units": units}]}
    question = question_of({**SPEC, "network": network})
    assert question is not None
    return question


@pytest.fixture
async def world() -> AsyncIterator[World]:
    found, app = World(), web.Application()
    app.add_routes([web.post(CHECK_PATH, found.handle)])
    async with TestServer(app, host="127.0.0.1") as running:
        url = f"http://127.0.0.1:{running.port}"
        found.client = CheckerClient(url, IMAGE, CheckerMetrics(found.registry), lambda: found.now)
        yield found
        await found.client.close()


async def test_the_first_call_asks_and_the_later_ones_know(world: World) -> None:
    world.answer["layers"] = LAYERS
    assert world.client.verdict(ask(10), world.wake) is NoVerdict.PENDING
    found = await world.verdict()
    assert found == Verdict([NetworkError(0, "spec.network.layers[0] (Conv2D, 'conv'): too large")])
    assert await world.verdict() == found
    assert len(world.asked) == 1
    Question.model_validate(world.asked[0])
    assert await world.verdict(11) == found
    assert len(world.asked) == 2
    assert (world.count("invalid"), world.woken) == (2, 3)
    world.now += module.VERDICT_SECONDS + 1
    await world.verdict()
    assert len(world.asked) == 3


async def test_a_network_without_errors(world: World) -> None:
    world.answer["layers"] = LAYERS[1:]
    assert await world.verdict() == Verdict([])
    assert world.count("valid") == 1


@pytest.mark.parametrize("failure", ["timeout", "full queue", "no connection"])
async def test_after_a_timeout_or_a_full_queue_no_question_is_asked_for_a_while(
    world: World, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    match failure:
        case "timeout":
            monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.1)
            world.delay = 5
        case "full queue":
            world.status = 503
        case _:
            world.client._url = "http://127.0.0.1:9/"
    assert await world.verdict() is NoVerdict.UNKNOWN
    asked = len(world.asked)
    for units in range(1, 5):
        assert await world.verdict(units) is NoVerdict.UNKNOWN
    assert len(world.asked) == asked
    assert (world.count("unanswered"), world.count("skipped")) == (1, 4)

    world.delay, world.status, world.now = 0, 200, world.now + UNANSWERED_SECONDS + 1
    if failure != "no connection":
        assert isinstance(await world.verdict(), Verdict)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (422, {"error": "network: no"}),
        (504, {"error": "more than 5 s"}),
        (500, b"<html>"),
        (302, b""),
        (200, b"<html>"),
        (200, {"image": "registry/other:1", "layers": LAYERS}),
        (200, {"layers": LAYERS}),
        (200, {"image": IMAGE, "layers": LAYERS * 501}),
        (200, b" " * (MAX_ANSWER_BYTES + 1)),
    ],
)
async def test_an_answer_without_a_verdict_concerns_only_its_question(world: World, status: int, answer: Any) -> None:
    world.status, world.answer = status, answer
    assert await world.verdict() is NoVerdict.UNKNOWN
    assert await world.verdict() is NoVerdict.UNKNOWN
    assert len(world.asked) == 1
    world.status, world.answer = 200, {"image": IMAGE}
    assert await world.verdict(11) == Verdict([])


async def test_questions_are_bounded_in_number_and_size(world: World) -> None:
    world.delay = 0.5
    found = [world.client.verdict(ask(units), world.wake) for units in range(1, module.MAX_PENDING + 2)]
    assert found == [*[NoVerdict.PENDING] * module.MAX_PENDING, NoVerdict.UNKNOWN]
    large = NetworkQuestion(b" " * (MAX_QUESTION_BYTES + 1))
    assert world.client.verdict(large, world.wake) is NoVerdict.ABSENT


async def test_a_burst_of_questions_leaves_the_checker_alone_for_a_while(world: World) -> None:
    for units in range(1, 1001):
        world.client.verdict(ask(units), world.wake)
    await asyncio.gather(*world.client._tasks)
    world.now = UNANSWERED_SECONDS - 1
    assert await world.verdict(1001) is NoVerdict.UNKNOWN
    assert len(world.asked) == module.MAX_PENDING
    world.now = UNANSWERED_SECONDS
    assert isinstance(await world.verdict(1001), Verdict)


async def test_a_question_that_is_never_answered_is_given_up(world: World) -> None:
    world.answer = {"image": "registry/other:1", "layers": []}
    found = []
    for seconds in range(0, 1200, 60):
        world.now = seconds
        found.append(await world.verdict())
    assert found == [NoVerdict.UNKNOWN] * 10 + [NoVerdict.ABSENT] * 10
    world.now, world.answer = 1200, {"image": IMAGE, "layers": []}
    assert await world.verdict() == Verdict([])


async def test_a_question_that_waits_to_be_sent_is_not_given_up_while_others_are_answered(world: World) -> None:
    more = 25 * module.MAX_PENDING
    found: dict[int, Verdict | NoVerdict] = {}
    for seconds in range(0, 780, 30):
        world.now = seconds
        world.status = 503 if seconds == 660 else 200  # the first failure of these questions
        for units in range(1, more + 1):
            found[units] = world.client.verdict(ask(units), world.wake)
        await asyncio.gather(*world.client._tasks)
        found |= {units: world.client.verdict(ask(units), world.wake) for units in range(1, more + 1)}
        assert NoVerdict.ABSENT not in found.values(), f"after {seconds} s"
    assert sum(isinstance(verdict, Verdict) for verdict in found.values()) >= more - module.MAX_PENDING


async def test_questions_that_wait_to_be_sent_are_given_up_if_none_is_answered(world: World) -> None:
    world.status = 503
    more = module.MAX_VERDICTS + 100
    for seconds in range(0, 630, 30):
        world.now = seconds
        found = [world.client.verdict(ask(units), world.wake) for units in range(1, more)]
        assert found[-1] is (NoVerdict.UNKNOWN if seconds < 600 else NoVerdict.ABSENT), f"after {seconds} s"
        await asyncio.gather(*world.client._tasks)


async def test_closing_ends_the_questions(world: World) -> None:
    world.delay = 5
    assert world.client.verdict(ask(10), world.wake) is NoVerdict.PENDING
    await asyncio.sleep(0.05)
    await world.client.close()
    assert world.woken == 1


def test_only_a_spec_with_a_network_and_the_default_image_is_asked_about() -> None:
    assert question_of(SPEC) is not None
    assert question_of({**SPEC, "image": "registry/own:1"}) is None
    assert question_of({name: value for name, value in SPEC.items() if name != "network"}) is None
    other = question_of({**SPEC, "training": {**SPEC["training"], "epochs": 99}})
    assert other == question_of(SPEC), "all trainings of a network have the same verdict"
    half = question_of({**SPEC, "training": {**SPEC["training"], "precision": "mixed_float16"}})
    assert half is not None
    assert half != other
