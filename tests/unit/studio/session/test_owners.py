"""Owners: the bounds of a user hold for all tokens that he can create."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from epochal_studio.access import Connections
from epochal_studio.config import Config
from epochal_studio.long_answers import MAX_USER_ANSWERS
from epochal_studio.session.owners import MAX_OWNER, Owners, owner_of
from epochal_studio.state import STATE
from epochal_studio.threads import Threads

from tests.unit.studio.guarded_server import GuardedApiServer
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


async def test_a_token_is_reviewed_once(threads: Threads) -> None:
    async with GuardedApiServer("vision") as server:
        server.users = {token: ada(name) for token, name in ACCOUNTS.items()}
        owners = Owners(Connections(Config(api_server=server.address), threads.memory), threads, most=1)
        found = await asyncio.gather(*[owners.of("token-first") for _ in range(20)])
        assert set(found) == {"system:serviceaccount:vision"}
        assert await owners.of("token-first") == "system:serviceaccount:vision"
        assert len(server.heard) == 1
        await owners.of("token-second")  # drops the first one
        await owners.of("token-first")
        assert len(server.heard) == 3
