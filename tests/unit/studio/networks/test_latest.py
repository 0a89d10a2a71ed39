"""Turns of users: one at a time, and the newest of the requests that wait."""

import asyncio

import pytest
from epochal_studio.networks import latest as module
from epochal_studio.networks.latest import Latest
from epochal_studio.problems import Refusal


async def waiting(latest: Latest, owner: str, page: str = "") -> "asyncio.Task[None]":
    task = asyncio.create_task(latest.begin(owner, page))
    await asyncio.sleep(0)
    return task


async def test_the_newest_request_gets_the_next_turn() -> None:
    latest = Latest()
    await latest.begin("ada")
    older, newer = await waiting(latest, "ada"), await waiting(latest, "ada")
    with pytest.raises(Refusal, match="newer version") as caught:
        await older
    assert (caught.value.status, caught.value.problem.reason) == (503, "Overloaded")
    assert not newer.done()
    latest.end("ada")
    await newer
    latest.end("ada")
    assert latest.count == 0


async def test_the_requests_of_several_pages_wait_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAGES", 2)
    latest = Latest()
    await latest.begin("ada", "a")
    older, other = await waiting(latest, "ada", "a"), await waiting(latest, "ada", "b")
    newer = await waiting(latest, "ada", "a")
    with pytest.raises(Refusal, match="newer version"):
        await older
    with pytest.raises(Refusal, match="2 other pages"):
        await latest.begin("ada", "c")
    latest.end("ada")
    await newer
    assert not other.done()
    latest.end("ada")
    await other
    latest.end("ada")
    assert latest.count == 0


async def test_users_do_not_wait_for_each_other() -> None:
    latest = Latest()
    await latest.begin("ada")
    await latest.begin("bob")
    assert latest.count == 2


async def test_a_request_that_leaves_gives_its_turn_on() -> None:
    latest = Latest()
    await latest.begin("ada")
    left = await waiting(latest, "ada")
    left.cancel()
    await asyncio.wait([left])
    assert latest.count == 1
    left = await waiting(latest, "ada")
    latest.end("ada")  # its turn begins at the moment when it leaves
    left.cancel()
    await asyncio.wait([left])
    assert latest.count == 0
    await latest.begin("ada")


async def test_all_users_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TURNS", 2)
    latest = Latest()
    await latest.begin("ada")
    first = await waiting(latest, "ada")
    with pytest.raises(Refusal, match="busy with checks"):
        await latest.begin("bob")
    second = await waiting(latest, "ada")  # in place of the first one
    with pytest.raises(Refusal):
        await first
    latest.end("ada")
    await second
    await latest.begin("bob")
