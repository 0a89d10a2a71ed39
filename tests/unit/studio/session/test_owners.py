"""Owners: the bounds of a user hold for all tokens that he can create."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from epochal.client.cluster import Cluster
from epochal.client.failures import ApiError
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal_studio.access import Access, Connections
from epochal_studio.config import Config
from epochal_studio.long_answers import MAX_USER_ANSWERS
from epochal_studio.session import owners
from epochal_studio.session.owners import MAX_AGE_SECONDS, MAX_OWNER, Owners, owner_of
from epochal_studio.state import STATE
from epochal_studio.threads import Threads

from tests.kit.fake.guarded_server import GuardedApiServer
from tests.unit.studio.served import Studio, ada

ACCOUNTS = {f"token-{name}": f"system:serviceaccount:vision:{name}" for name in ("first", "second")}


@pytest.mark.parametrize(
    ("user", "owner"),
    [
        ("ada", "ada"),
        ("system:serviceaccount:vision:train", "system:serviceaccount:vision"),
        ("system:admin", "system:admin"),
        ("a" * 9999, "a" * MAX_OWNER),
    ],
)
def test_all_service_accounts_of_a_namespace_are_one_owner(user: str, owner: str) -> None:
    assert owner_of(user) == owner


async def test_the_owner_is_in_the_session(studio: Studio) -> None:
    headers = []
    for token, name in ACCOUNTS.items():
        studio.cluster.users[token] = ada(name)
        async with studio.request("POST", "/api/session", json={"token": token}) as answer:
            headers.append({"Cookie": "; ".join(f"{key}={value.value}" for key, value in answer.cookies.items())})
    with _downloads(studio, "system:serviceaccount:vision"):
        for sent in headers:
            async with studio.request("GET", "/api/runs/TrainingJob/vision/mnist/files/a", sent) as answer:
                assert (answer.status, (await answer.json())["reason"]) == (503, "Overloaded")


async def test_the_owner_of_the_token_of_a_proxy(tmp_path: Path) -> None:
    async with Studio(tmp_path, proxy_auth=True) as studio:
        studio.cluster.users |= {token: ada(name) for token, name in ACCOUNTS.items()}
        with _downloads(studio, "system:serviceaccount:vision"):
            for token in ACCOUNTS:
                sent = {"Authorization": f"Bearer {token}"}
                async with studio.request("GET", "/api/runs/TrainingJob/vision/mnist/files/a", sent) as answer:
                    assert answer.status == 503


def _downloads(studio: Studio, owner: str) -> ExitStack:
    """Hold all downloads of an owner."""
    stack = ExitStack()
    for _ in range(MAX_USER_ANSWERS):
        stack.enter_context(studio.app[STATE].long_answers.hold(owner))
    return stack


@pytest.fixture
def threads() -> Iterator[Threads]:
    found = Threads()
    yield found
    found.close()


class Confirming:
    """Confirms a token of an API server at a time of its own."""

    def __init__(self, server: GuardedApiServer, threads: Threads) -> None:
        self.server = server
        self.now = 0.0
        connections = Connections(Config(api_server=server.address), threads.memory)
        self.owners = Owners(connections, threads, clock=lambda: self.now)
        self.access = Access("token-first", None, "ada", is_proxied=False, connections=connections, threads=threads)

    async def reviews(self, *, at_once: bool = False) -> int:
        """Confirm the token, and return the number of new reviews."""
        before = len(self.server.heard)
        await self.owners.confirm(self.access, at_once=at_once)
        return len(self.server.heard) - before


@pytest.fixture
async def confirming(threads: Threads) -> AsyncIterator[Confirming]:
    async with GuardedApiServer("vision") as server:
        server.users = {"token-first": ada("first")}
        yield Confirming(server, threads)


async def test_a_review_confirms_a_token_for_a_minute(confirming: Confirming) -> None:
    assert await confirming.reviews() == 1
    confirming.now += MAX_AGE_SECONDS - 1
    assert await confirming.reviews() == 0
    assert await confirming.reviews(at_once=True) == 1
    confirming.now += MAX_AGE_SECONDS
    assert await confirming.reviews() == 1
    assert await confirming.owners.of("token-first") == "first"  # of the same review
    del confirming.server.users["token-first"]
    assert await confirming.reviews() == 0
    confirming.now += MAX_AGE_SECONDS
    for _ in range(2):
        with pytest.raises(ApiError) as caught:
            await confirming.reviews()
        assert caught.value.status == 401


async def test_a_token_stays_valid_while_the_api_server_does_not_answer(
    confirming: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Cluster] = []

    def fail(cluster: Cluster) -> str:
        asked.append(cluster)
        raise EpochalError("no connection", exit_code=ExitCode.NO_CONNECTION)

    with monkeypatch.context() as patched:
        patched.setattr(owners, "user_name", fail)
        for _ in range(3):
            await confirming.reviews()
        assert len(asked) == 1
    confirming.now += MAX_AGE_SECONDS
    assert await confirming.reviews() == 1


async def test_only_the_api_server_confirms_a_token_that_it_has_refused(
    confirming: Confirming, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Cluster) -> str:
        raise EpochalError("no connection", exit_code=ExitCode.NO_CONNECTION)

    with monkeypatch.context() as patched:
        patched.setattr(owners, "user_name", fail)
        with pytest.raises(EpochalError, match="no connection"):
            await confirming.reviews(at_once=True)
    assert await confirming.reviews() == 1


async def test_a_token_is_reviewed_once(threads: Threads) -> None:
    async with GuardedApiServer("vision") as server:
        server.users = {token: ada(name) for token, name in ACCOUNTS.items()}
        known = Owners(Connections(Config(api_server=server.address), threads.memory), threads, most=1)
        found = await asyncio.gather(*[known.of("token-first") for _ in range(20)])
        assert set(found) == {"system:serviceaccount:vision"}
        assert await known.of("token-first") == "system:serviceaccount:vision"
        assert len(server.heard) == 1
        await known.of("token-second")  # drops the first one
        await known.of("token-first")
        assert len(server.heard) == 3
